"""From names to contents: a fingerprint without copying, or a copy with its fingerprint."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from tenfold import interrupts
from tenfold.errors import ReleaseError
from tenfold.release import files
from tenfold.release.source import Source, stays_inside

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """A file (``kind`` ``file`` or ``program``) or a ``link``; SHA-256 of its content or target."""

    kind: str
    sha256: str
    bytes: int


Contents = Mapping[str, Entry]


def fingerprint(source: Source) -> Contents:
    """What every file of the survey contains now.

    Raises:
        ReleaseError: a file cannot be read, or the project changes meanwhile.
    """
    return dict(_each(source, None))


def copy(source: Source, target: Path) -> Contents:
    """Copy every file of the survey to ``target``; gives what was copied, byte for byte.

    Raises:
        ReleaseError: see :func:`fingerprint`.
        OSError: ``target`` cannot be written.
    """
    return dict(_each(source, target))


def digest(contents: Contents, *more: str) -> str:
    """One SHA-256 for names, kinds and contents of all files, and for whatever else is given."""
    sha = hashlib.sha256()
    lines = (f"{entry.kind} {entry.sha256} {path}" for path, entry in sorted(contents.items()))
    for line in (*lines, *more):
        raw = os.fsencode(line)
        sha.update(b"%d:%b," % (len(raw), raw))
    return sha.hexdigest()


def total_bytes(contents: Contents) -> int:
    """The sum of all sizes."""
    return sum(entry.bytes for entry in contents.values())


def _each(source: Source, target: Path | None) -> Iterator[tuple[str, Entry]]:
    for folder, paths in groupby(source.files, key=os.path.dirname):
        if target is not None:
            (target / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(files.directory(source.root, folder))
            except OSError as error:
                raise _unreadable(folder, error) from error
            for path in paths:
                interrupts.check()
                yield path, _one(source.root, path, opened, target)


def _one(root: Path, path: str, folder: int, target: Path | None) -> Entry:
    name = os.path.basename(path)
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return _link(root, path, os.readlink(name, dir_fd=folder), target)
        opened = files.open_regular(name, folder)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        return _file(opened, path, target)
    finally:
        os.close(opened)


def _link(root: Path, path: str, goal: str, target: Path | None) -> Entry:
    if not stays_inside(root, path, goal):
        raise ReleaseError(f"{path} became a link to {goal}, outside the project, meanwhile")
    if target is not None:
        (target / path).symlink_to(goal)
    return Entry("link", hashlib.sha256(os.fsencode(goal)).hexdigest(), 0)


def _file(opened: int, path: str, target: Path | None) -> Entry:
    mode = os.fstat(opened).st_mode
    kind = "program" if mode & stat.S_IXUSR else "file"
    if target is None:
        return Entry(kind, *files.digest(opened))
    permissions = (0o644 if mode & stat.S_IROTH else 0o600) | (0o111 * (kind == "program"))
    created = os.open(target / path, _CREATE, permissions)
    with open(created, "wb", buffering=0) as copied:
        entry = Entry(kind, *files.digest(opened, partial(files.write_all, copied)))
        os.fchmod(created, permissions)
    return entry


def _unreadable(path: str, error: OSError) -> ReleaseError:
    return ReleaseError(
        f"{path or 'the project'} cannot be read: {error.strerror}",
        next="see to it that it stays readable while it is released, then try again",
    )
