"""User files: directories that every release shares, each a link in it.

::

    storage/media/              what the app keeps; belongs to whom the app runs as
    releases/<id>/app/media     a relative link to it: the project's folder may be moved

What the project has in such a directory, and what an app wrote there into a release of before, is
copied in; nothing that is there already is ever replaced. No link is followed on either side: where
Tenfold is root, both may be written by somebody else meanwhile.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tenfold.errors import Refused, ReleaseError
from tenfold.release import files, scratch
from tenfold.release.files import Account
from tenfold.release.source import stays_inside

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACEHOLDERS = frozenset({".gitkeep", ".keep", ".gitignore"})
_TELL_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """Files and links below ``root``, named relative to it, each inside of ``directory``."""

    root: Path
    directory: str
    names: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """The sum of the sizes of those that are there."""
        return sum(_size(self.root / name) for name in self.names)


def link(app: Path, storage: Path, directory: str) -> None:
    """Put the link to a kept directory into a release in the making; ``app`` and ``storage`` lie
    as they will for good.

    Raises:
        ReleaseError: the project has something else on the way there.
    """
    place = app / directory
    for folder in reversed(place.relative_to(app).parents):
        if (app / folder).is_symlink():
            raise ReleaseError(
                f"[storage] dirs: {folder} is a link in the project",
                next=f"name the folder that it leads to instead of {directory}",
            )
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    place.symlink_to(os.path.relpath(storage / directory, place.parent))


def is_linked(app: Path, storage: Path, directory: str) -> bool:
    """Whether a release has this link, as :func:`link` makes it."""
    place = app / directory
    wanted = os.path.relpath(storage / directory, place.parent)
    return place.is_symlink() and os.readlink(place) == wanted


def ensure(storage: Path, directory: str, account: Account | None) -> None:
    """Have the directory be there, for the app's user alone."""
    storage.mkdir(mode=0o755, parents=True, exist_ok=True)
    parent, _, name = directory.rpartition("/")
    (storage / parent).mkdir(mode=0o755, parents=True, exist_ok=True)
    with files.directory(storage, parent) as above:
        if _make(above, name, 0o700):
            opened = os.open(name, _DIRECTORY, dir_fd=above)
            _give(opened, account)
            os.close(opened)


def of_project(project: Path, directory: str) -> Batch:
    """What the project has in this directory; nothing if there is none.

    Raises:
        Refused: it is a link, or has a link that leads out of it.
    """
    try:
        with files.directory(project, directory) as opened:
            names = tuple(f"{directory}/{name}" for name in _walk(opened))
    except FileNotFoundError:
        return Batch(project, directory, ())
    except NotADirectoryError as error:
        raise Refused(
            f"[storage] dirs: {directory} is no directory of the project, but a link or a file",
            next="put a directory with the files themselves there; Tenfold copies it once",
        ) from error
    batch = Batch(project, directory, tuple(sorted(names)))
    for name in batch.names:
        _require_inside(batch, name)
    return batch


def missing(storage: Path, batch: Batch) -> Batch:
    """What of it is not kept yet, under its name."""
    names = tuple(n for n in batch.names if not os.path.lexists(storage / n))
    return Batch(batch.root, batch.directory, names)


def conflicts(storage: Path, batch: Batch) -> tuple[str, ...]:
    """Those of its names under which something else is kept."""
    kept = (n for n in batch.names if os.path.lexists(storage / n))
    return tuple(n for n in kept if _content(storage, n) != _content(batch.root, n))


def bring(
    storage: Path, batch: Batch, account: Account | None, tell: Callable[[str], None]
) -> None:
    """Copy what is not kept yet into its directory, which must be there; repeating it is fine.

    A file is there whole or not at all, whatever interrupts.

    Raises:
        ReleaseError: no room.
        OSError: something cannot be read or written.
    """
    todo = missing(storage, batch)
    if not todo.names:
        return
    with scratch.room(storage, todo.bytes), _incoming(storage) as incoming:
        done = 0
        for folder, names in groupby(todo.names, key=os.path.dirname):
            inner = folder.removeprefix(todo.directory).lstrip("/")
            with (
                files.directory(todo.root, folder) as source,
                files.directory(storage, todo.directory) as top,
                _opened(top, inner, account) as target,
            ):
                for name in names:
                    _bring_one(os.path.basename(name), source, target, incoming, account)
                    done += 1
                    if done % _TELL_EVERY == 0:
                        tell(f"{done:,} of {len(todo.names):,} files of {todo.directory}")


def _bring_one(name: str, source: int, target: int, incoming: int, account: Account | None) -> None:
    if stat.S_ISLNK(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
        with suppress(FileExistsError):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        return
    fresh = secrets.token_hex(8)
    read = files.open_regular(name, source)
    try:
        written = os.open(fresh, _CREATE, 0o600, dir_fd=incoming)
        try:
            _copy(read, written, account)
        finally:
            os.close(written)
        with suppress(FileExistsError):
            os.link(fresh, name, src_dir_fd=incoming, dst_dir_fd=target, follow_symlinks=False)
        os.unlink(fresh, dir_fd=incoming)
    finally:
        os.close(read)


def _copy(read: int, written: int, account: Account | None) -> None:
    """Content, permissions and time stamp; what was made read-only with a release is not."""
    found = os.fstat(read)
    files.copy_content(read, written)
    os.fchmod(written, (found.st_mode & 0o777) | 0o600)
    _give(written, account)
    os.utime(written, ns=(found.st_atime_ns, found.st_mtime_ns))


def _give(opened: int, account: Account | None) -> None:
    if account is not None:
        os.fchown(opened, account.uid, account.gid)


@contextmanager
def _incoming(storage: Path) -> Iterator[int]:
    """A directory of Tenfold's own on the same file system; those of interrupted copies go."""
    for left in storage.glob(".incoming-*"):
        shutil.rmtree(left)
    place = storage / f".incoming-{secrets.token_hex(4)}"
    place.mkdir(mode=0o700)
    opened = os.open(place, _DIRECTORY)
    try:
        yield opened
    finally:
        os.close(opened)
        shutil.rmtree(place)


@contextmanager
def _opened(top: int, inner: str, account: Account | None) -> Iterator[int]:
    """A folder below an open directory; made where it is missing, reached through no link."""
    here = os.dup(top)
    try:
        for part in filter(None, inner.split("/")):
            made = _make(here, part, 0o755)
            below = os.open(part, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
            if made:
                _give(here, account)
        yield here
    finally:
        os.close(here)


def _make(above: int, name: str, mode: int) -> bool:
    try:
        os.mkdir(name, mode, dir_fd=above)
    except FileExistsError:
        return False
    return True


def _walk(opened: int) -> Iterator[str]:
    """Files and links below an open directory, without what only keeps a folder in git."""
    for folder, names, others, fd in os.fwalk(".", dir_fd=opened, follow_symlinks=False):
        for name in (*names, *others):
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            wanted = stat.S_ISREG(mode) or stat.S_ISLNK(mode)
            if wanted and name not in _PLACEHOLDERS:
                yield os.path.normpath(os.path.join(folder, name))


def _require_inside(batch: Batch, name: str) -> None:
    full, top = batch.root / name, batch.root / batch.directory
    if not full.is_symlink():
        return
    target = os.readlink(full)
    if not stays_inside(top.resolve(), os.path.relpath(full, top), target):
        raise Refused(
            f"{name} is a link to {target}, out of {batch.directory}, which is to be kept",
            next="put the file itself there, or remove the link",
        )


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _content(root: Path, name: str) -> str:
    """What tells one file from another: its hash, or where the link leads."""
    folder, _, last = name.rpartition("/")
    with files.directory(root, folder) as opened:
        if stat.S_ISLNK(os.stat(last, dir_fd=opened, follow_symlinks=False).st_mode):
            return f"link {os.readlink(last, dir_fd=opened)}"
        read = files.open_regular(last, opened)
        try:
            return files.digest(read)[0]
        finally:
            os.close(read)


@dataclass(frozen=True, slots=True)
class Kept:
    """How much a directory holds; with ``more``, at least that much: counting was cut short."""

    directory: str
    files: int
    bytes: int
    more: bool = False


def measure(storage: Path, directory: str, *, limit: int) -> Kept:
    """Count the files of a kept directory, up to ``limit`` of them."""
    number = size = 0
    for found in _sizes(os.fspath(storage / directory)):
        number, size = number + 1, size + found
        if number >= limit:
            return Kept(directory, number, size, more=True)
    return Kept(directory, number, size)


def _sizes(folder: str) -> Iterator[int]:
    try:
        entries = [*os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # removed meanwhile, or closed by the app itself
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _sizes(entry.path)
        else:
            with suppress(FileNotFoundError):
                yield entry.stat(follow_symlinks=False).st_size
