"""What an app wrote into its own release: a deploy would leave it behind.

Where Tenfold is root, a release belongs to root and the app cannot write there. Otherwise the app
runs as the release's owner: files are read-only, but folders are writable for their owner, so a
``db.sqlite3`` or an upload can appear beside the code.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tenfold.release.record import Release

_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def written(release: Release, below: str = "") -> tuple[str, ...]:
    """Files of ``release.app``, or of a directory in it, that appeared after the build; relative to
    ``release.app``, sorted.

    A frozen file has no write permission, so a regular file that has one was made since, or
    replaced. A link has none of its own; it counts when it is newer than the build. Bytecode caches
    do not count, nor do empty folders and sockets: nothing is lost with them.

    Raises:
        OSError: a folder of the release cannot be read.
    """
    return tuple(sorted(_written(release, release.app / below)))


def _written(release: Release, top: Path) -> Iterator[str]:
    for folder, names, others in os.walk(top, onerror=_unless_gone):
        names[:] = [name for name in names if name != "__pycache__"]
        for path in (Path(folder, name) for name in (*names, *others)):
            if _is_written(path, release.built_at):
                yield str(path.relative_to(release.app))


def _is_written(path: Path, built_at: float) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:  # a journal or a temporary file comes and goes while the app runs
        return False
    if stat.S_ISLNK(found.st_mode):
        return found.st_mtime > built_at
    return stat.S_ISREG(found.st_mode) and bool(found.st_mode & _ANY_WRITE)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
