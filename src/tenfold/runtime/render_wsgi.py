"""Pages of a WSGI app, one after the other, in one thread."""

from __future__ import annotations

import contextvars
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .render_page import ACCEPT, AGENT, Page, TooMuch

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class WsgiPages:
    """A page that does not come to its end is ended from outside, with the process."""

    def __init__(self, app: App, page: Page) -> None:
        self._app = app
        self._page = page
        settings = page.settings
        name, _, port = settings.host.partition(":")
        self._environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": settings.prefix,
            "QUERY_STRING": "",
            "SERVER_NAME": name,
            "SERVER_PORT": port or ("443" if settings.scheme == "https" else "80"),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": settings.host,
            "HTTP_USER_AGENT": AGENT,
            "HTTP_ACCEPT": ACCEPT,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": settings.scheme,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }

    def render(self, path: str, raw: str) -> None:
        """One page; what the app sets in its context ends with it."""
        contextvars.copy_context().run(self._render, path, raw)

    def _render(self, path: str, raw: str) -> None:
        page = self._page
        environ = {
            **self._environ,
            # WSGI carries bytes as Latin-1 (PEP 3333).
            "PATH_INFO": path.encode().decode("latin-1"),
            "RAW_URI": raw,
            "REQUEST_URI": page.settings.prefix + raw,
            "wsgi.input": io.BytesIO(),
        }
        began: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            if page.started and error is not None:
                raise error[1].with_traceback(error[2])
            began[:] = [status, headers]
            return write

        def write(chunk: bytes) -> None:
            if not page.started:
                status, headers = began
                page.start(int(status[:3]), ((name.lower(), value) for name, value in headers))
            page.add(chunk)

        try:
            self._answer(environ, start_response, write)
            if began and not page.started:
                write(b"")
        except TooMuch as error:
            page.fail(str(error), "")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the app raises
            page.raised(error)
        else:
            page.end()

    def _answer(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        write: Callable[[bytes], None],
    ) -> None:
        body = self._app(environ, start_response)
        try:
            for chunk in body:
                write(chunk)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
