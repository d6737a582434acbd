"""One page on its way out of the app's process: frames, bounds, and what went wrong with it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

from ..wiring import rendering as wire
from ..wiring.rendering import RenderSettings
from .failures import describe

AGENT: Final = "tenfold-export"
ACCEPT: Final = "text/html,application/xhtml+xml,*/*;q=0.8"
MOST_DETAIL: Final = 30_000
MOST_SAID: Final = 8_000
MOST_COOKIES: Final = 20
SAFE: Final = "/~!$&'()*+,;=:@-._"
"""What stands in a path as it is, see RFC 3986; anything else is escaped."""


class TooMuch(Exception):
    """A page is longer than it may be, or takes longer."""


class Said(io.TextIOBase):
    """Standard output and error: passed on, and the end of it kept for the page at hand."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._tail = ""

    @property
    def buffer(self) -> Any:
        """The bytes below, for those who write bytes."""
        return open(self._fd, "wb", buffering=0, closefd=False)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How what is no Unicode is written."""
        return "backslashreplace"

    def fileno(self) -> int:
        """Of what it stands for."""
        return self._fd

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def reconfigure(self, **settings: Any) -> None:
        """Nothing can be chosen here."""

    def write(self, text: str) -> int:
        """As of any text stream."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._tail = (self._tail + text)[-MOST_SAID:]
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        return len(text)

    def begin(self) -> None:
        """Forget what was said before."""
        self._tail = ""

    @property
    def tail(self) -> str:
        """The end of what was said since."""
        return self._tail


class Page:
    """What both interfaces share; one page at a time.

    ``error`` is what a framework caught and made an answer of.
    """

    def __init__(self, answers: int, said: Said, settings: RenderSettings) -> None:
        self.settings = settings
        self._answers = answers
        self._said = said
        self._frames: list[bytes] = []
        self._waiting = 0
        self.error: BaseException | None = None

    def ready(self, interface: str) -> None:
        """The app can be asked."""
        self._put(wire.told(wire.READY, interface=interface))
        self._flush()

    def begin(self, request: bytes) -> tuple[str, str]:
        """Take a request; gives the path, and as it is escaped."""
        asked = json.loads(request)
        path: str = asked["path"]
        self._body: bool = asked["body"]
        self._status = 0
        self._bytes = 0
        self._digest = hashlib.sha256()
        self._began = monotonic()
        self.error = None
        self._said.begin()
        return path, quote(path, safe=SAFE)

    @property
    def started(self) -> bool:
        """Whether the app has begun to answer."""
        return bool(self._status)

    def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """The answer begins; names of headers are in lower case."""
        told: dict[str, str] = {}
        cookies: list[str] = []
        for name, value in headers:
            if name in wire.HEADERS:
                told[name] = value[: wire.MOST_VALUE]
            elif name == "set-cookie" and len(cookies) < MOST_COOKIES:
                cookies.append(value.partition("=")[0].strip()[:100])
        self._status = status
        self._put(wire.told(wire.STARTED, status=status, headers=told, cookies=cookies))

    def add(self, chunk: bytes) -> None:
        """A part of the body.

        Raises:
            TooMuch: that is more than a page may have, or later than it may take.
        """
        self._bytes += len(chunk)
        if self._bytes > self.settings.page_bytes:
            raise TooMuch(f"has more than {self.settings.page_bytes:,} bytes")
        if monotonic() - self._began > self.settings.page_seconds:
            raise TooMuch(f"goes on for more than {self.settings.page_seconds:g} s")
        self._digest.update(chunk)
        if self._body:
            for at in range(0, len(chunk), wire.PART_BYTES):
                self._put(wire.frame(wire.BODY, chunk[at : at + wire.PART_BYTES]))

    def end(self) -> None:
        """The page is whole, as far as the app says."""
        if not self._status:
            self.fail("was not answered: the app returned without a word", "")
            return
        if self.error is not None and self._status >= 500:
            self.raised(self.error)
            return
        said = self._said.tail if self._status >= 400 else ""
        digest = self._digest.hexdigest()
        self._put(wire.told(wire.ENDED, bytes=self._bytes, sha256=digest, said=said))
        self._flush()

    def raised(self, error: BaseException) -> None:
        """The app raised something."""
        self.fail("raised", describe(error, ""))

    def fail(self, what: str, detail: str) -> None:
        """The page, or the app, failed; what it printed meanwhile comes along where that is all."""
        told = (detail.strip() or self._said.tail.strip())[-MOST_DETAIL:]
        self._put(wire.told(wire.FAILED, what=what, detail=told))
        self._flush()

    def _put(self, frame: bytes) -> None:
        """Frames travel together, as far as they are small."""
        self._frames.append(frame)
        self._waiting += len(frame)
        if self._waiting >= wire.PART_BYTES:
            self._flush()

    def _flush(self) -> None:
        rest = memoryview(b"".join(self._frames))
        self._frames, self._waiting = [], 0
        while rest:
            rest = rest[os.write(self._answers, rest) :]


def watch_frameworks(page: Page) -> None:
    """Hear of exceptions that Django and Flask make answers of, if the app is made with them."""

    def caught(*_: Any, **told: Any) -> None:
        page.error = told.get("exception") or sys.exc_info()[1]

    for name in ("django.core.signals", "flask.signals"):
        module = sys.modules.get(name)
        if module is not None:
            module.got_request_exception.connect(caught, weak=False)
