"""User files as one stream, and back in their place."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from tenfold.backups.pipes import through
from tenfold.backups.unpacking import extract


@contextmanager
def tar_stream(root: str, directories: Sequence[str]) -> Iterator[BinaryIO]:
    """A tar of these directories below ``root``: files, folders and links, nothing else.

    The app goes on meanwhile: a file that vanishes is left out, one that shrinks is filled with
    zeros, one that grows is taken as long as it was.
    """

    def write(out: BinaryIO) -> None:
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for directory in directories:
                for path in _walk(Path(root, directory)):
                    _add(tar, path, str(path.relative_to(root)))

    with through(write) as stream:
        yield stream


def unpack(stream: BinaryIO, root: Path) -> tuple[str, ...]:
    """Put what :func:`tar_stream` gave below ``root``; gives what was left out.

    Nothing can lead out of there: links that would are what is left out.
    """
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        return extract(tar, root)


def _walk(top: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        yield here
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *linked]):
            yield here / name


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    try:
        found = path.lstat()
        about = tarfile.TarInfo(name)
        about.mode, about.mtime = stat.S_IMODE(found.st_mode), found.st_mtime
        if stat.S_ISREG(found.st_mode):
            with path.open("rb") as file:
                about.size = os.fstat(file.fileno()).st_size
                tar.addfile(about, cast(IO[bytes], _Exactly(file, about.size)))
        elif stat.S_ISDIR(found.st_mode):
            about.type = tarfile.DIRTYPE
            tar.addfile(about)
        elif stat.S_ISLNK(found.st_mode):
            about.type, about.linkname = tarfile.SYMTYPE, str(path.readlink())
            tar.addfile(about)
    except FileNotFoundError:
        return


class _Exactly:
    """A file that has just so many bytes, whatever becomes of it meanwhile."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        found = self._file.read(wanted)
        self._left -= wanted
        return found.ljust(wanted, b"\0")
