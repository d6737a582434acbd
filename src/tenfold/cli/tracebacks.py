"""Tracebacks as the author of an app wants them: her own frames, not those of libraries. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FRAME = re.compile(r'^(?P<indent>\s*)File "(?P<path>[^"]+)", line \d+')
_LIBRARY = re.compile(r"/site-packages/|/lib/python\d|<frozen ")
_RELEASE = re.compile(r'"[^"]*/releases/[^"/]+/app/')


def shorten(text: str) -> str:
    """The text with runs of library frames folded, and paths of the release made relative.

    A traceback without any frame of the app stays whole: it is all there is to look at.
    """
    if not any(_is_own(line) for line in text.splitlines()):
        return text
    return "\n".join(_RELEASE.sub('"', line) for line in _fold(text.splitlines()))


def _fold(lines: list[str]) -> Iterator[str]:
    folded, indent, inside = 0, "", False
    for line in lines:
        frame = _FRAME.match(line)
        if frame and _LIBRARY.search(frame["path"]):
            folded, indent, inside = folded + 1, frame["indent"], True
            continue
        if inside and frame is None and len(line) - len(line.lstrip()) > len(indent):
            continue  # the source line and the markers of a folded frame
        inside = False
        if folded:
            yield f"{indent}... {folded} frame{'s' * (folded > 1)} of libraries"
            folded = 0
        yield line


def _is_own(line: str) -> bool:
    frame = _FRAME.match(line)
    return frame is not None and _LIBRARY.search(frame["path"]) is None
