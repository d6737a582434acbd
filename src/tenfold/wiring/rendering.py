"""How an app is asked for its pages in a process of its own, without a server: over two pipes.

Tenfold writes lines of JSON to the process's standard input: first the settings, then one line per
page. The process answers with frames on what was its standard output when it was started; what the
app prints goes to standard error. A frame is one byte for its kind, four bytes for the length of
what follows, big-endian, and that many bytes::

    R   {"interface": "asgi"}                      the app is imported and its start-up has run
    S   {"status": 200, "headers": {...}, "cookies": ["session"]}
                                                   a page begins; headers are those in HEADERS
    B   bytes                                      a part of its body, if it was asked for
    E   {"bytes": 512, "sha256": "...", "said": ""}
                                                   the page is whole; what the app printed meanwhile
                                                   comes along where its status tells of an error
    F   {"what": "...", "detail": "..."}           the page, or before R the app, failed; the next
                                                   page can be asked for

Pages are answered one after the other, in the order in which they were asked for. At the end of its
standard input the process runs the app's shutdown and exits.

Both sides bound what they take: no frame is longer than ``MOST_BYTES``.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any, Final

READY, STARTED, BODY, ENDED, FAILED = (letter.encode() for letter in "RSBEF")
KINDS: Final = frozenset({READY, STARTED, BODY, ENDED, FAILED})
PREFIX: Final = struct.Struct(">cI")
MOST_BYTES: Final = 1 << 18
PART_BYTES: Final = 1 << 16
"""How much of a body travels in one frame."""
MOST_VALUE: Final = 4000
"""How much of a header's value travels."""
HEADERS: Final = frozenset({
    "content-type", "content-encoding", "location", "www-authenticate", "refresh",
})  # fmt: skip
"""Headers that matter to a static site; cookies are told by their names alone."""


@dataclass(frozen=True)
class RenderSettings:
    """What the process is told first.

    ``entry`` is ``module:attribute`` or ``module:factory()``, ``interface`` is ``asgi``, ``wsgi``
    or ``auto``. The app is called as if it were reached at ``scheme`` and ``host`` below
    ``prefix``, which is empty or begins with a slash. A page may take ``page_seconds`` and have
    ``page_bytes``.
    """

    entry: str
    interface: str
    scheme: str
    host: str
    prefix: str
    page_seconds: float
    page_bytes: int


def frame(kind: bytes, payload: bytes) -> bytes:
    """One frame. Raises ``ValueError`` where it would be too long."""
    if len(payload) > MOST_BYTES:
        raise ValueError(f"{len(payload)} bytes in one frame")
    return PREFIX.pack(kind, len(payload)) + payload


def told(kind: bytes, **data: Any) -> bytes:
    """One frame with an object."""
    return frame(kind, json.dumps(data).encode())


def line(data: Any) -> bytes:
    """One line of what the process reads."""
    return json.dumps(data).encode() + b"\n"


def settings_line(settings: RenderSettings) -> bytes:
    """The first line."""
    return line(asdict(settings))


def settings_from(text: bytes) -> RenderSettings:
    """The first line, read. Raises ``ValueError`` or ``TypeError`` where it is something else."""
    return RenderSettings(**json.loads(text))
