"""Copying files so that the copy is what was read: no link is followed on the way, content decides.

The time stamp of a file is derived from its content. The edge makes the ETag from time and size, so
a file keeps its ETag for as long as its content stays, whatever the release, clone or host, and a
changed file of the same size gets another.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from tenfold.errors import ReleaseError

_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 64 << 10
# 2000-01-01; with 29 bits of the content's hash, every time stamp lies before 2017.
_EPOCH_SECONDS = 946_684_800
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that runs builds and the app where Tenfold itself is root."""

    uid: int
    gid: int


def stamp(sha256: str) -> int:
    """The time stamp, in seconds since the epoch, of content with this hash."""
    return _EPOCH_SECONDS + (int(sha256[:8], 16) >> 3)


@contextmanager
def directory(root: Path, relative: str) -> Iterator[int]:
    """A descriptor of a directory below ``root``, reached without following any link.

    Raises:
        OSError: a part is missing, or is not a directory (any more).
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in filter(None, relative.split("/")):
            inner = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def open_regular(name: str, folder: int) -> int:
    """A descriptor of a regular file in an open directory; links and devices are refused.

    Raises:
        OSError: there is no such regular file.
    """
    fd = os.open(name, _OPEN | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", name)
    return fd


def digest(fd: int, write: Callable[[bytes], object] | None = None) -> tuple[str, int]:
    """SHA-256 and size of what can be read from ``fd``; each chunk is passed to ``write``."""
    sha = hashlib.sha256()
    size = 0
    while chunk := os.read(fd, _CHUNK_BYTES):
        sha.update(chunk)
        size += len(chunk)
        if write is not None:
            write(chunk)
    return sha.hexdigest(), size


def frozen_mode(mode: int, account: Account | None = None) -> int:
    """Readable by all and writable by none; what was private stays with those who run the app."""
    private = 0o400 if account is None else 0o440
    readers = 0o444 if mode & stat.S_IROTH else private
    return readers | (readers >> 2 if mode & stat.S_IXUSR else 0)


def copy_content(source: int, target: int) -> None:
    """All of ``source`` into ``target``; large files share blocks where the file system can.

    Small ones are read and written, which saves a call for each of thousands. Five noisy runs over
    a whole environment showed no more than a tenth between the two.
    """
    with open(target, "wb", buffering=0, closefd=False) as written:
        start = os.read(source, _SMALL_BYTES)
        write_all(written, start)
        if len(start) == _SMALL_BYTES:
            _copy_in_kernel(source, target)
        while chunk := os.read(source, _CHUNK_BYTES):
            write_all(written, chunk)


def _copy_in_kernel(source: int, target: int) -> None:
    """As much of the rest as the kernel copies by itself; it may decline between file systems."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise


def write_all(file: FileIO, content: bytes) -> None:
    """Write all of it, however much of it one call takes."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def freeze(root: Path, account: Account | None = None, *, stamps: bool = True) -> None:
    """Make every file of a tree immutable; with ``stamps``, times follow content.

    Folders stay writable for their owner, so that ``rm -rf`` of a project removes it.

    With ``account`` (Tenfold is root) everything belongs to root and stays readable by it. A file
    that shares its content with one elsewhere (a hard link from a package cache) becomes a copy
    first, for its mode and owner would change there, too.
    """
    for folder, names, others, fd in os.fwalk(root, topdown=False, follow_symlinks=False):
        for name in (*names, *others):
            _freeze_entry(Path(folder, name), fd, account, stamps)
        if account is not None:
            os.fchown(fd, 0, account.gid)
        os.fchmod(fd, 0o755)


def _freeze_entry(path: Path, folder: int, account: Account | None, stamps: bool) -> None:
    name = path.name
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode):
        return
    if not stat.S_ISREG(found.st_mode):
        raise ReleaseError(f"{path} is neither a file nor a link; the build must not leave it")
    if found.st_nlink > 1:
        _unshare(name, folder, found.st_mode)
    fd = open_regular(name, folder)
    try:
        if account is not None:
            os.fchown(fd, 0, account.gid)
        os.fchmod(fd, frozen_mode(found.st_mode, account))
        if stamps:
            seconds = stamp(digest(fd)[0])
            os.utime(fd, (seconds, seconds))
    finally:
        os.close(fd)


def close(root: Path) -> None:
    """Let nobody but the owner add to or remove from any folder of a tree."""
    for _, _, _, folder in os.fwalk(root, follow_symlinks=False):
        os.fchmod(folder, 0o755)


def give(root: Path, account: Account) -> None:
    """Let the account write a whole tree, until :func:`freeze` takes it back."""
    for _, names, others, folder in os.fwalk(root, follow_symlinks=False):
        os.fchown(folder, account.uid, account.gid)
        for name in (*names, *others):
            os.chown(name, account.uid, account.gid, dir_fd=folder, follow_symlinks=False)


def _unshare(name: str, folder: int, mode: int) -> None:
    fresh = f".{secrets.token_hex(8)}"
    source = open_regular(name, folder)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        target = os.open(fresh, flags, stat.S_IMODE(mode), dir_fd=folder)
        try:
            copy_content(source, target)
        finally:
            os.close(target)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(source)


def measure(root: Path, *, without: str) -> tuple[int, int]:
    """How many files and bytes a tree has, bytecode caches and the record of it left out."""
    count, size = _measure(os.fspath(root))
    record = root / without
    return (count - 1, size - record.stat().st_size) if record.is_file() else (count, size)


def _measure(folder: str) -> tuple[int, int]:
    count = size = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                count, size = count + 1, size + entry.stat(follow_symlinks=False).st_size
            elif entry.name != "__pycache__":
                inner = _measure(entry.path)
                count, size = count + inner[0], size + inner[1]
    return count, size


def holds(root: Path, built: tuple[int, int], *, without: str) -> bool:
    """Whether at least these numbers of files and bytes are there: an app may add files, not more.

    Files are read-only, so what was built is there unless somebody removed it on purpose.
    """
    count, size = measure(root, without=without)
    return count >= built[0] and size >= built[1]
