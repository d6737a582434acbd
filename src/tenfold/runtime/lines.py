"""What the app prints, as lines that say when it was and which request it belongs to.

``sys.stdout`` and ``sys.stderr`` are replaced before the app is imported, so that whatever writes
there by Python is caught: ``print``, ``logging``, tracebacks. What others write into the log (C
libraries, programs that the app starts) stays as it is.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from time import time
from typing import Any, Final, TextIO

from ..wiring.log_lines import TRACEBACK, encode

MOST_CHARACTERS: Final = 64_000
LONGEST_ID: Final = 128
UNIT: Final = "TENFOLD_UNIT"
VARIABLE: Final = "HTTP_X_REQUEST_ID"
_HEADER: Final = b"x-request-id"

Carrier = Mapping[str, Any] | str | None
# The id of the request at hand, or its ASGI scope: an id among headers is looked for when something
# is printed, which most requests do not.
current: ContextVar[Carrier] = ContextVar("tenfold_request", default=None)


def install() -> None:
    """Have this process's output be such lines, if it is a unit's and goes into a log."""
    if UNIT in os.environ:
        sys.stdout = Lines(sys.stdout)
        sys.stderr = Lines(sys.stderr)


def request_id(carrier: Carrier) -> str | None:
    """The id that the edge gave to the request."""
    if carrier is None:
        return None
    if not isinstance(carrier, str):
        told: Iterator[bytes] = (v for n, v in carrier.get("headers", ()) if n.lower() == _HEADER)
        carrier = next(told, b"").decode("latin-1")
    return carrier[:LONGEST_ID] or None


class Lines(io.TextIOBase):
    """Stands for ``stream``: each write that ends a line becomes one line of the log.

    Text without an end is kept until it gets one, or is flushed, or belongs to another request;
    so is a traceback that has not come to its exception. What a full disk does not take is lost:
    no request fails for its log.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = stream.fileno()
        self._kept = threading.local()
        self.lost = 0

    @property
    def buffer(self) -> Any:
        """The bytes below, for those who write bytes."""
        return self._stream.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How what is no Unicode is written."""
        return "backslashreplace"

    @property
    def name(self) -> str:
        """As that of the stream it stands for."""
        return str(self._stream.name)

    def fileno(self) -> int:
        """Of the stream, for programs that the app starts."""
        return self._fd

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def reconfigure(self, **settings: Any) -> None:
        """Nothing can be chosen here: the encoding is that of the log."""

    def write(self, text: str) -> int:
        """As of any text stream."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        carrier = current.get()
        kept, owner = self._take()
        if kept and owner is not carrier:
            self._put(kept, owner)
            kept = ""
        whole = kept + text
        goes_on = not whole.endswith("\n") or _is_open(whole)
        if goes_on and len(whole) < MOST_CHARACTERS:
            self._kept.text, self._kept.owner = whole, carrier
        else:
            self._put(whole, carrier)
        return len(text)

    def flush(self) -> None:
        """Write what has no end yet."""
        kept, owner = self._take()
        if kept:
            self._put(kept, owner)

    def _take(self) -> tuple[str, Carrier]:
        found = getattr(self._kept, "text", ""), getattr(self._kept, "owner", None)
        self._kept.text, self._kept.owner = "", None
        return found

    def _put(self, text: str, carrier: Carrier) -> None:
        text = text.rstrip("\n")
        if not text:
            return
        request, at = request_id(carrier), time()
        for part in _parts(text):
            line = encode(at, request, part)
            try:
                # In one piece, and at the end of the file: other processes have it open as well.
                os.write(self._fd, line)
            except OSError:
                self.lost += 1


def _is_open(text: str) -> bool:
    """Whether this ends inside a traceback, before its exception."""
    at = max(text.rfind(mark) for mark in TRACEBACK)
    if at < 0 or (at and text[at - 1] != "\n"):
        return False
    return all(line[:1] in (" ", "") for line in text[at:].split("\n")[1:])


def _parts(text: str) -> Iterator[str]:
    for begin in range(0, len(text), MOST_CHARACTERS):
        yield text[begin : begin + MOST_CHARACTERS]
