"""Read units' logs, and go on reading through rotations and through new generations of a pool."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tenfold.agent.logs import KEPT_FILES, last_lines, open_to_read
from tenfold.wiring.log_lines import texts

LOOK_EVERY_SECONDS = 0.1
_CHUNK_BYTES = 1 << 18
_MEMBER = re.compile(r"(.+)\.(\d+)\.\d+")


def read(logs: Path, names: Sequence[str], lines: int) -> Iterator[tuple[str, str]]:
    """The last lines of each unit, of each pool's newest generation, or of all when none is
    named."""
    for unit in newest(matching(logs, names), names):
        found = [part for line in last_lines(logs / f"{unit}.log", lines) for part in texts(line)]
        for line in found[-lines:] if lines else ():
            yield unit, line


def follow(logs: Path, names: Sequence[str], lines: int) -> Iterator[tuple[str, str]]:
    """The last lines, then whatever is appended, for as long as somebody asks for more."""
    readers = {unit: Follower(logs / f"{unit}.log") for unit in matching(logs, names)}
    yield from read(logs, names, lines)
    while True:
        silent = True
        for unit in matching(logs, names):
            if unit not in readers:
                readers[unit] = Follower(logs / f"{unit}.log", from_start=True)
        for unit, reader in readers.items():
            for line in reader.new_lines():
                silent = False
                yield from ((unit, part) for part in texts(line))
        if silent:
            time.sleep(LOOK_EVERY_SECONDS)


def matching(logs: Path, names: Sequence[str]) -> list[str]:
    """Units that have a log and are named, themselves or by their pool; all if none is named."""
    units = sorted(path.name.removesuffix(".log") for path in logs.glob("*.log"))
    return [unit for unit in units if not names or {unit, pool_of(unit)} & set(names)]


def newest(units: Sequence[str], names: Sequence[str]) -> list[str]:
    """Of each pool only the members of its last generation, unless they are named themselves."""
    last: dict[str, int] = {}
    for unit in units:
        if found := _MEMBER.fullmatch(unit):
            last[found[1]] = max(last.get(found[1], 0), int(found[2]))
    return [
        unit
        for unit in units
        if unit in names
        or not (found := _MEMBER.fullmatch(unit))
        or int(found[2]) == last[found[1]]
    ]


def pool_of(unit: str) -> str | None:
    """The pool in ``pool.generation.index``."""
    found = _MEMBER.fullmatch(unit)
    return found[1] if found else None


class Follower:
    """Reads what is appended to one log, from now on or ``from_start``.

    Rotation copies the file to ``.1`` and truncates it, so offsets in ``.1`` go on where those in
    the file ended; a new ``.1`` tells that it has happened, and where the one from before is now
    tells how often.
    """

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self._path = path
        self._rotated = [path.with_name(f"{path.name}.{n + 1}") for n in range(KEPT_FILES)]
        self._offset = 0 if from_start else _size(path)
        self._older = _inode(self._rotated[0])
        self._rest = b""

    def was_rotated(self) -> bool:
        """Whether the log was turned over since this reader last looked."""
        return _inode(self._rotated[0]) != self._older

    def new_lines(self) -> list[str]:
        """Complete lines since the last call."""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in self._new()]

    def new_bytes(self) -> bytes:
        """The same as one piece, each with its end."""
        return b"".join(line + b"\n" for line in self._new())

    def _new(self) -> list[bytes]:
        data = b""
        inodes = [_inode(path) for path in self._rotated]
        if inodes[0] != self._older:
            times = inodes.index(self._older) if self._older in inodes else len(inodes)
            for path in reversed(self._rotated[:times]):
                data += _from(path, self._offset, whole=True)
                self._offset = 0
            self._older = inodes[0]
        elif _size(self._path) < self._offset:
            return []  # Truncated already, and its copy about to appear.
        fresh = _from(self._path, self._offset)
        self._offset += len(fresh)
        *lines, self._rest = (self._rest + data + fresh).split(b"\n")
        return lines


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return None


def _from(path: Path, offset: int, *, whole: bool = False) -> bytes:
    try:
        with open_to_read(path) as file:
            file.seek(offset, os.SEEK_SET)
            return file.read(-1 if whole else _CHUNK_BYTES)
    except FileNotFoundError:
        return b""
