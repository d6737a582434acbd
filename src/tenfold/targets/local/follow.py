"""Read units' logs, and go on reading through rotations."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tenfold.agent.logs import last_lines

LOOK_EVERY_SECONDS = 0.1
_CHUNK_BYTES = 1 << 18


def read(logs: Path, units: Sequence[str], lines: int) -> Iterator[tuple[str, str]]:
    """The last lines of each unit's log."""
    for unit in units:
        for line in last_lines(logs / f"{unit}.log", lines):
            yield unit, line


def follow(logs: Path, units: Sequence[str], lines: int) -> Iterator[tuple[str, str]]:
    """The last lines, then whatever is appended, for as long as somebody asks for more."""
    readers = {unit: Follower(logs / f"{unit}.log") for unit in units}
    yield from read(logs, units, lines)
    while True:
        silent = True
        for unit, reader in readers.items():
            for line in reader.new_lines():
                silent = False
                yield unit, line
        if silent:
            time.sleep(LOOK_EVERY_SECONDS)


class Follower:
    """Reads what is appended to one log.

    Rotation copies the file to ``.1`` and truncates it, so offsets in ``.1`` go on where those in
    the file ended; a new ``.1`` tells that it has happened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rotated = path.with_name(f"{path.name}.1")
        self._offset = _size(path)
        self._older = _inode(self._rotated)
        self._rest = b""

    def new_lines(self) -> list[str]:
        """Complete lines since the last call."""
        data = b""
        older = _inode(self._rotated)
        if older != self._older:
            self._older = older
            data = _from(self._rotated, self._offset)
            self._offset = 0
        elif _size(self._path) < self._offset:
            return []  # Truncated already, and its copy about to appear.
        fresh = _from(self._path, self._offset)
        self._offset += len(fresh)
        *lines, self._rest = (self._rest + data + fresh).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _from(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset, os.SEEK_SET)
            return file.read(_CHUNK_BYTES)
    except FileNotFoundError:
        return b""
