"""Somebody with a browser, as far as tests need one: cookies, forms, and several at a time."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.support.project import Answer, Project, lowered

HIDDEN = re.compile(r'<input[^>]* name="(csrf\w+)"[^>]* value="([^"]+)"')


class Visitor:
    """Keeps cookies, fills in forms and names its origin, as browsers do."""

    def __init__(self, project: Project, host: str = "", origin: str = "") -> None:
        self.site = f"http://127.0.0.1:{project.port}"
        self.headers = {"Host": host} if host else {}
        self.origin = origin or self.site
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies), *self._handlers()
        )

    def _handlers(self) -> tuple[urllib.request.BaseHandler, ...]:
        """What the browser does otherwise than usual."""
        return ()

    def get(self, path: str) -> Answer:
        return self._open(urllib.request.Request(self.site + path, headers=self.headers))

    def submit(
        self, path: str, *, files: dict[str, tuple[str, bytes]] | None = None, **values: str
    ) -> Answer:
        """Open the page, fill in its form, and send it; redirects are followed."""
        page = self.get(path)
        token = HIDDEN.search(page.text)
        assert token, page.text
        body, kind = _encoded({token[1]: token[2], **values}, files or {})
        headers = {**self.headers, "Origin": self.origin, "Content-Type": kind}
        return self._open(urllib.request.Request(self.site + path, body, headers))

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self.opener.open(request, timeout=20) as answer:
                return Answer(answer.status, answer.read(), lowered(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), lowered(error.headers))


class NamedVisitor(Visitor):
    """One for whom a name leads to this machine, over HTTP and HTTPS, and who remembers the way.

    Over HTTPS the site must have the certificate that is in ``trusted``, for that name.
    """

    def __init__(self, project: Project, name: str, https_port: int, trusted: Path) -> None:
        self._context = ssl.create_default_context(cafile=trusted)
        self.redirects: list[tuple[int, str]] = []
        super().__init__(project)
        self.site = self.origin = f"https://{name}:{https_port}"
        self.plain = f"http://{name}:{project.port}"

    def _handlers(self) -> tuple[urllib.request.BaseHandler, ...]:
        return _Http(), _Https(context=self._context), _Remembering(self.redirects)

    def get_plain(self, path: str) -> Answer:
        """As :meth:`get`, without TLS."""
        return self._open(urllib.request.Request(self.plain + path))


class _HttpHere(HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.create_connection(("127.0.0.1", self.port), self.timeout)


class _HttpsHere(HTTPSConnection):
    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_HttpHere, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_HttpsHere, req, context=self._context)  # type: ignore[attr-defined]


class _Remembering(urllib.request.HTTPRedirectHandler):
    """Redirects are followed, ten at most, and noted."""

    def __init__(self, seen: list[tuple[int, str]]) -> None:
        self._seen = seen

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        self._seen.append((code, newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Visitors:
    """People who do the same again and again until they leave, and remember what went wrong.

    A visit raises AssertionError where it did not get what it should.
    """

    def __init__(self, *visits: Callable[[], None]) -> None:
        self.failures: list[str] = []
        self.visits = 0
        self.longest_seconds = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._come, args=(visit,)) for visit in visits]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _come(self, visit: Callable[[], None]) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                visit()
            except (AssertionError, OSError, HTTPException) as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
            with self._lock:
                self.visits += 1
                self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)


def served_by_the_edge(answer: Answer) -> bool:
    """Answers of the app name its release; files do not."""
    return answer.status == 200 and "tenfold-release" not in answer.headers


def _encoded(values: dict[str, str], files: dict[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    """A form and its content type."""
    if not files:
        return urllib.parse.urlencode(values).encode(), "application/x-www-form-urlencoded"
    border = uuid.uuid4().hex
    parts = [(f'name="{name}"', value.encode()) for name, value in values.items()]
    parts += [(f'name="{name}"; filename="{file}"', data) for name, (file, data) in files.items()]
    lines = [
        f"--{border}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    ]
    return b"".join(lines) + f"--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"
