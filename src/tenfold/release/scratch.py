"""Directories in the making: seen by nobody until they are whole, gone when their maker dies.

What is removed is a real directory in a real directory: a project may come with links at the places
where Tenfold keeps its own, and what lies behind those is somebody's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenfold.errors import ReleaseError

_FULL = (errno.ENOSPC, errno.EDQUOT)


# As :func:`partial` names them.
_PARTIAL = re.compile(r"[0-9a-f]{12}\.partial")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def real(parent: Path) -> Iterator[int]:
    """A descriptor of a directory that is no link.

    Raises:
        ReleaseError: it is a link.
    """
    try:
        fd = os.open(parent, _DIRECTORY)
    except NotADirectoryError as error:
        if not parent.is_symlink():
            raise
        raise ReleaseError(
            f"{parent} is a link to {os.readlink(parent)}; Tenfold keeps and removes its own there",
            next=f"remove the link: rm {parent}",
        ) from error
    try:
        yield fd
    finally:
        os.close(fd)


def is_directory(path: Path) -> bool:
    """Whether a directory itself is there, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def discard(root: Path) -> None:
    """Remove a tree, frozen or not; fine if there is none.

    Raises:
        ReleaseError: the directory that it is in is a link.
    """
    if not is_directory(root):
        return
    with real(root.parent) as parent:
        for _, _, _, folder in os.fwalk(root.name, dir_fd=parent, follow_symlinks=False):
            os.fchmod(folder, 0o700)
        shutil.rmtree(root.name, dir_fd=parent)


@contextmanager
def partial(parent: Path) -> Iterator[Path]:
    """A new directory in ``parent`` that is gone afterwards unless it was renamed.

    It is locked for as long as its maker lives, so that :func:`sweep` knows the abandoned ones.

    Raises:
        ReleaseError: ``parent`` is a link.
    """
    with real(parent):
        pass
    while True:
        path = parent / f"{secrets.token_hex(6)}.partial"
        path.mkdir(mode=0o755)
        with _locked(path) as held:
            if not held:
                continue
            try:
                yield path
            finally:
                discard(path)
            return


def settle(making: Path, final: Path) -> bool:
    """Put a finished directory at its place; ``False`` if another maker was faster."""
    try:
        making.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    sync(final.parent)
    return True


def retire(path: Path) -> None:
    """Take a finished directory away at once, then remove it; if interrupted, a sweep goes on.

    Raises:
        ReleaseError: the directory that it is in is a link.
    """
    doomed = path.with_name(f"{secrets.token_hex(6)}.partial")
    with real(path.parent) as parent:
        os.rename(path.name, doomed.name, src_dir_fd=parent, dst_dir_fd=parent)
    discard(doomed)


@contextmanager
def alone(parent: Path, *, shared: bool = False) -> Iterator[None]:
    """Be the only one in ``parent``, or one of several that share it; waits for the others.

    Hold it for moments only, or shared: whoever wants to be alone waits without a bound.

    Raises:
        ReleaseError: ``parent`` is a link.
    """
    with real(parent) as fd:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def sweep(parent: Path) -> None:
    """Remove what interrupted builds left in ``parent``; running ones are not touched.

    Raises:
        ReleaseError: ``parent`` is a link.
    """
    with real(parent) as fd:
        names = sorted(filter(_PARTIAL.fullmatch, os.listdir(fd)))
    for path in (parent / name for name in names):
        with _locked(path) as held:
            if held:
                discard(path)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether this caller holds the lock of a directory that is still at ``path``."""
    try:
        fd = os.open(path, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    try:
        yield _lock(fd, path)
    finally:
        os.close(fd)


def _lock(fd: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durably(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a whole file, so that after a crash it is there in full or not at all."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def room(path: Path, needed_bytes: int) -> Iterator[None]:
    """Say it in words when ``path`` cannot take ``needed_bytes``: before, and if it fills up.

    Raises:
        ReleaseError: no room.
    """
    free = os.statvfs(path)
    if free.f_bavail * free.f_frsize < needed_bytes:
        raise _no_room(path, needed_bytes)
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _no_room(path, needed_bytes) from error
        raise


@contextmanager
def worded(path: Path) -> Iterator[None]:
    """Whatever else the file system refuses below ``path`` or in the project, in words.

    Raises:
        ReleaseError: instead of any :class:`OSError`.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        name = error.filename if isinstance(error.filename, (str, Path)) else None
        raise ReleaseError(
            f"{name or path}: {reason}",
            next="have Tenfold's user read the project and write to .tenfold, then try again",
        ) from error


def _no_room(path: Path, needed_bytes: int) -> ReleaseError:
    found = os.statvfs(path)
    free_bytes = found.f_bavail * found.f_frsize
    return ReleaseError(
        f"no room in {path}: {needed_bytes:,} bytes are needed, {free_bytes:,} are free",
        changed="nothing; what was copied so far is removed",
        next="free some space there (old releases go with each deploy), then try again",
    )
