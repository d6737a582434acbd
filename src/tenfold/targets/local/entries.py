"""What units wrote, with the moment and the request: through rotated files, and on as it comes."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tenfold.agent.logs import KEPT_FILES, last_lines, open_to_read
from tenfold.targets.local.follow import Follower
from tenfold.wiring.log_lines import Line, decode, together

# The edge's workers write what they have once a second, each its own.
OUT_OF_ORDER_SECONDS = 2.0
LONGEST_LINE = 256 << 10
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one unit. ``at`` is that of the line before where it says none itself; ``None``
    where no line before said one."""

    host: str
    unit: str
    at: float | None
    line: Line

    @property
    def key(self) -> float:
        """Its place among those of other units."""
        return self.at or 0.0


Wanted = Callable[[str], bool]


class UnitLog:
    """The log of one unit: what it has, and then what comes.

    Args:
        host: whose.
        unit: its name.
        path: the file that is written to; those before it lie beside.
        may_have: a quick look at a raw line: whether it can be wanted at all.
    """

    def __init__(self, host: str, unit: str, path: Path, may_have: Wanted | None = None) -> None:
        self._host, self._unit, self._path = host, unit, path
        self._may_have = may_have
        self._at: float | None = None
        self._follower: Follower | None = None

    def last(self, count: int) -> Iterator[Entry]:
        """The last lines, in order; :meth:`new` goes on behind them."""
        self._follower = Follower(self._path)
        yield from self._entries(last_lines(self._path, count))

    def all(self, since: float | None) -> Iterator[Entry]:
        """Everything that is kept, in order, without the files that ended before ``since``."""
        with ExitStack() as stack:
            older, self._follower = self._opened(stack, since)
            raw = itertools.chain.from_iterable(map(_lines, older))
            now = itertools.chain.from_iterable(iter(self._follower.new_lines, []))
            yield from in_order(self._entries(itertools.chain(raw, now)))

    def new(self) -> list[Entry]:
        """What came since the last call."""
        if self._follower is None:
            self._follower = Follower(self._path, from_start=True)
        return list(self._entries(self._follower.new_lines()))

    def _entries(self, raw: Iterable[str]) -> Iterator[Entry]:
        for line in together(self._decoded(raw)):
            # A file may say nothing of moments; then its lines stay where they are.
            self._at = line.at if line.at is not None else self._at
            yield Entry(self._host, self._unit, self._at, line)

    def _decoded(self, raw: Iterable[str]) -> Iterator[Line]:
        may_have = self._may_have
        for text in raw:
            if may_have is None or may_have(text):
                yield decode(text)

    def _opened(self, stack: ExitStack, since: float | None) -> tuple[list[BinaryIO], Follower]:
        """The files before this one, the oldest first, and a reader of this one from its start.

        Between the two looks it may be rotated; then they are taken again.
        """
        for _ in range(_TRIES):
            follower = Follower(self._path, from_start=True)
            opened: list[BinaryIO] = []
            for number in range(KEPT_FILES, 0, -1):
                path = self._path.with_name(f"{self._path.name}.{number}")
                try:
                    if since is None or path.lstat().st_mtime >= since:
                        opened.append(stack.enter_context(open_to_read(path)))
                except FileNotFoundError:
                    continue
            if not follower.was_rotated():
                break
        return opened, follower


def in_order(entries: Iterable[Entry], window: float = OUT_OF_ORDER_SECONDS) -> Iterator[Entry]:
    """Sort lines that are out of order by a few seconds, holding back no more of them than that."""
    waiting: list[tuple[float, int, Entry]] = []
    newest = 0.0
    for number, entry in enumerate(entries):
        newest = max(newest, entry.key)
        heapq.heappush(waiting, (entry.key, number, entry))
        while waiting[0][0] < newest - window:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def merged(logs: Sequence[Iterable[Entry]]) -> Iterator[Entry]:
    """The lines of several units as one sequence in the order of time."""
    return heapq.merge(*logs, key=lambda entry: entry.key)


def _lines(file: BinaryIO) -> Iterator[str]:
    while raw := file.readline(LONGEST_LINE):
        yield raw.decode("utf-8", "replace").rstrip("\r\n")
