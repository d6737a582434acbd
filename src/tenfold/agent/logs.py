"""Units' output: one file per unit, written by the unit itself, rotated by the agent.

A unit writes straight into its file, opened for appending. A pipe into the agent would block the
unit when nobody reads and kill it when the agent is gone; and no program can be told in general to
open its output again. So the file is rotated in place: copied to ``.1`` until nothing is left to
copy, then truncated. A line that is written in the instant between the two is lost; the unit, its
requests and its peace are not. Offsets in ``.1`` are those of the file before, so a reader that
follows can go on where it was.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from tenfold.wiring.log_lines import texts

MAX_BYTES = 10 << 20
KEPT_FILES = 5
CHECK_EVERY_SECONDS = 1.0
_CHUNK_BYTES = 1 << 20


def open_for_unit(path: Path) -> int:
    """A descriptor that a unit may have as its output. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def open_to_read(path: Path) -> BinaryIO:
    """A log, and nothing but a log: whoever writes there may have put a link or a pipe instead.

    Raises:
        FileNotFoundError: there is none, or something else is in its place.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        raise FileNotFoundError(fault.errno, fault.strerror, str(path)) from fault
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, "not a log", str(path))
    return os.fdopen(fd, "rb")


def rotate_if_due(path: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES) -> bool:
    """Rotate when the file has grown past ``max_bytes``. Raises ``OSError`` (a full disk)."""
    try:
        if path.stat().st_size < max_bytes:
            return False
    except FileNotFoundError:
        return False
    _numbered(path, kept).unlink(missing_ok=True)
    beside = path.with_name(f".{path.name}.rotating")
    with path.open("r+b", buffering=0) as source, beside.open("wb", buffering=0) as target:
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
        for number in range(kept - 1, 0, -1):
            older = _numbered(path, number)
            if older.exists():
                older.replace(_numbered(path, number + 1))
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
        source.truncate(0)
    beside.replace(_numbered(path, 1))
    return True


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def lines_since(path: Path, offset: int, count: int) -> list[str]:
    """The last lines that came after ``offset``, or after the log was rotated since."""
    try:
        with open_to_read(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(offset if offset <= size else 0, size - _CHUNK_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [part for line in text.splitlines()[-count:] for part in texts(line)][-count:]


def forget_generations(folder: Path, pool: str, newest: int, kept: int = KEPT_FILES) -> None:
    """Delete the logs of a pool's generations that are older than the last few."""
    for path in folder.glob(f"{pool}.*.log*"):
        generation = path.name.removeprefix(f"{pool}.").partition(".")[0]
        if generation.isdigit() and int(generation) <= newest - kept:
            path.unlink(missing_ok=True)


def last_lines(path: Path, count: int, max_bytes: int | None = None) -> list[str]:
    """The last lines of a log; of the file before it, too, when this one is short.

    ``max_bytes`` of a file are read at most: by default a kilobyte for each line, and 256 at least.
    """
    found: list[str] = []
    max_bytes = max_bytes or max(1 << 18, count << 10)
    for source in (path, _numbered(path, 1)):
        if len(found) < count:
            found = _tail(source, max_bytes) + found
    return found[-count:] if count else []


def _tail(path: Path, max_bytes: int) -> list[str]:
    try:
        with open_to_read(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - max_bytes))
            data = file.read()
    except FileNotFoundError:
        return []
    lines = data.decode("utf-8", "replace").splitlines()
    return lines[1:] if size > max_bytes else lines
