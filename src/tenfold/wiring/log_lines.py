"""Lines of logs: how the wrapper writes them, and what is known of any line that a unit wrote.

What an app prints becomes one JSON object per write, with the moment and the id of the request that
it belongs to; a traceback stays one line. Standard library only: the app's process has this.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

_BEGINS: Final = '{"time":"'
_OURS: Final = ({"time", "text"}, {"time", "id", "text"})
_STAMP: Final = re.compile(
    r"\[?(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?"
    r" ?(UTC|Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_REDIS: Final = re.compile(
    r"\d+:[A-Z] (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d)\.(\d{3}) ", re.ASCII
)
_LONGEST_STAMP: Final = 48


@dataclass(frozen=True)
class Line:
    """One line of a log. ``at`` is in seconds since the epoch, where the line says it.

    ``text`` of what an app printed may have several lines. ``fields`` is what the edge wrote of a
    request.
    """

    text: str
    at: float | None = None
    request: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def encode(at: float, request: str | None, text: str) -> bytes:
    """A line of the log; without ``request`` it belongs to none."""
    told = {"time": datetime.fromtimestamp(at, timezone.utc).isoformat()}  # noqa: UP017 - Python 3.10
    if request:
        told["id"] = request
    told["text"] = text.encode("utf-8", "backslashreplace").decode()
    line = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return line.encode("utf-8", "replace") + b"\n"


def decode(line: str) -> Line:
    """What a line says of itself: the wrapper's, the edge's, or any other's that begins with a
    moment."""
    if line.startswith(_BEGINS) and line.endswith("}"):
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict):
            return _ours(told) or _edge(told, line) or Line(line, _iso(str(told["time"])))
    return Line(line, stamp(line))


def texts(line: str) -> list[str]:
    """What was printed, by the line: of the wrapper's lines the text, others as they are."""
    return decode(line).text.split("\n") if line.startswith(_BEGINS) else [line]


def stamp(line: str) -> float | None:
    """The moment at which a line begins, as servers and Python's logging write it.

    One without a zone is local time.
    """
    head = line[:_LONGEST_STAMP]
    found = _STAMP.match(head)
    if found is None:
        return _redis_stamp(head)
    *whole, fraction, zone = found.groups()
    at = _moment(tuple(map(int, whole)), zone)
    return None if at is None else at + float(f"0.{fraction or 0}")


def _ours(told: dict[str, Any]) -> Line | None:
    if told.keys() not in _OURS or not isinstance(told["text"], str):
        return None
    request = told.get("id")
    return Line(told["text"], _iso(str(told["time"])), request if type(request) is str else None)


def _edge(told: dict[str, Any], line: str) -> Line | None:
    ended, request = told.get("ended"), told.get("id")
    if not isinstance(ended, int | float) or type(request) is not str:
        return None
    return Line(line, float(ended), request, told)


def _iso(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _redis_stamp(head: str) -> float | None:
    found = _REDIS.match(head)
    if found is None:
        return None
    day, month, year, clock, fraction = found.groups()
    try:
        at = time.mktime(time.strptime(f"{day} {month} {year} {clock}", "%d %b %Y %H:%M:%S"))
    except (ValueError, OverflowError):
        return None
    return at + int(fraction) / 1000


def _moment(whole: tuple[int, ...], zone: str | None) -> float | None:
    year, month, day, hour, minute, second = whole
    try:
        told = datetime(year, month, day, hour, minute, min(second, 59))
        if zone is None:
            return told.timestamp()
        offset = "+00:00" if zone in ("UTC", "Z") else zone
        return datetime.fromisoformat(told.isoformat() + _colon(offset)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _colon(offset: str) -> str:
    return offset if ":" in offset else f"{offset[:3]}:{offset[3:]}"


def together(lines: Iterator[Line]) -> Iterator[Line]:
    """Join what belongs together and was written by the line: a traceback, what is indented."""
    held: Line | None = None
    inside = False
    for line in lines:
        if held is not None and _goes_on(line, inside) and len(held.text) < _MOST_TOGETHER:
            inside = inside and line.text[:1] in (" ", "\t", "")
            held = Line(f"{held.text}\n{line.text}", held.at, held.request, held.fields)
        else:
            if held is not None:
                yield held
            held, inside = line, False
        inside = inside or line.text.startswith(TRACEBACK)
    if held is not None:
        yield held


TRACEBACK: Final = ("Traceback (most recent call last):", "  + Exception Group Traceback")
_MOST_TOGETHER: Final = 64_000
_LINKS: Final = ("During handling of the above exception", "The above exception was the direct")


def _goes_on(line: Line, inside: bool) -> bool:
    if line.at is not None or line.fields:
        return False
    return inside or line.text[:1] in (" ", "\t", "") or line.text.startswith(_LINKS + TRACEBACK)
