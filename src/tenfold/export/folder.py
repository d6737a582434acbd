"""The folder of an export: made aside, put in its place at once, never over what others wrote.

While it is made it lies beside its place, as ``.NAME.<random>.partial``, locked by whoever makes
it. In the end both change places in one step of the file system, so that there is always a whole
one: whatever interrupts an export leaves the earlier one as it was.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from tenfold.errors import ExportError, Refused

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
_NOT_HERE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
_SHOWN: Final = 5
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
UNTOUCHED: Final = "nothing: what was exported before is as it was"


class Draft:
    """A folder in the making, for ``place``; its files' places were checked by :mod:`.places`.

    Everything is made below ``folder``, an open descriptor: whoever owns the project, and is not
    root, could put something else at the name meanwhile.
    """

    def __init__(self, root: Path, place: Path, folder: int) -> None:
        self.root = root
        self._at = folder
        self.files = 0
        self.bytes = 0
        self._place = place
        self._folders = {""}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say it in words when something cannot be written. Raises ``ExportError``."""
        try:
            yield
        except OSError as error:
            raise cannot_write(self._place, error) from error

    def open(self, place: str) -> BinaryIO:
        """A new file. Raises ``ExportError``."""
        with self.writing():
            self._folder(place.rpartition("/")[0])
            self.files += 1
            return open(os.open(place, _CREATE, 0o644, dir_fd=self._at), "wb", buffering=0)

    def add(self, file: BinaryIO, part: bytes) -> None:
        """More of a file. Raises ``ExportError``."""
        with self.writing():
            rest = memoryview(part)
            while rest:
                rest = rest[file.write(rest) :]
        self.bytes += len(part)

    def write(self, place: str, content: bytes) -> None:
        """A whole file. Raises ``ExportError``."""
        with self.open(place) as file:
            self.add(file, content)

    def copy(self, source: Path, place: str) -> None:
        """A copy of a file. Raises ``ExportError``."""
        with self.writing(), source.open("rb") as file:
            self.take(file, place)

    def take(self, file: BinaryIO, place: str) -> None:
        """What is left to read of a file, as a new one. Raises ``ExportError``."""
        with self.open(place) as copy, self.writing():
            while part := file.read(1 << 20):
                self.add(copy, part)

    def _folder(self, name: str) -> None:
        if name not in self._folders:
            self._folder(name.rpartition("/")[0])
            os.mkdir(name, 0o755, dir_fd=self._at)
            self._folders.add(name)


@contextmanager
def draft(place: Path) -> Iterator[Draft]:
    """A new folder beside ``place``; it is gone afterwards unless :func:`settle` took it.

    Raises:
        ExportError: it cannot be written; the disk may be full.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place)
        making = place.with_name(f".{place.name}.{secrets.token_hex(6)}.partial")
        making.mkdir(mode=0o755)
        opened = os.open(making, _DIRECTORY)
    except OSError as error:
        raise cannot_write(place, error) from error
    try:
        if os.fstat(opened).st_uid != os.geteuid():
            raise Refused(f"somebody else put {making} there just now", next="see who may")
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield Draft(making, place, opened)
    finally:
        shutil.rmtree(making, ignore_errors=True)
        os.close(opened)


def sweep(place: Path) -> None:
    """Remove what interrupted exports to this place left. Raises ``OSError``."""
    name = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{12}}\.partial")
    for found in filter(name.fullmatch, os.listdir(place.parent)):
        abandoned = place.parent / found
        with suppress(FileNotFoundError, NotADirectoryError):
            lock = os.open(abandoned, _DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(abandoned)
            except BlockingIOError:
                pass  # somebody exports there just now
            finally:
                os.close(lock)


def require_ours(place: Path, known: Collection[str] | None) -> None:
    """See that nothing lies at ``place`` that an export did not write.

    ``known`` are the files that the last export wrote there, ``None`` if there was none.

    Raises:
        Refused: something does.
    """
    try:
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise Refused(f"{place} is no folder", next="export --into another place, or move it")
        strange = _strange(place, frozenset(known or ()))
    except OSError as error:
        raise cannot_write(place, error) from error
    if strange:
        shown = "\n".join(strange[:_SHOWN])
        more = f"\nand {len(strange) - _SHOWN:,} more" if len(strange) > _SHOWN else ""
        raise Refused(
            f"{place} has files that no export wrote, and they would be gone",
            detail=shown + more,
            changed=UNTOUCHED,
            next="keep them elsewhere: files for the site belong to a folder of [static] assets\n"
            "tenfold export static --replace    lets them go",
        )


def _strange(place: Path, known: frozenset[str]) -> list[str]:
    return sorted(name for name in _files(place) if name not in known)


def _files(place: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(place):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*names, *links):
            yield os.path.relpath(os.path.join(folder, name), place)


def settle(made: Draft, place: Path) -> None:
    """Put a finished folder at its place, at once; what was there is removed.

    Raises:
        ExportError: it cannot be done; what was there is there still.
    """
    try:
        if place.exists():
            _exchange(made.root, place)
        else:
            made.root.rename(place)
    except OSError as error:
        raise cannot_write(place, error) from error


def _exchange(one: Path, other: Path) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return _exchange_in_turns(one, other)
    paths = os.fsencode(one), os.fsencode(other)
    if library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _EXCHANGE) == 0:
        return None
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return _exchange_in_turns(one, other)
    raise OSError(number, os.strerror(number), str(other))


def _exchange_in_turns(one: Path, other: Path) -> None:
    """For file systems that cannot do it at once: for a moment there is none."""
    aside = one.with_name(f"{one.name}.before")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    shutil.rmtree(aside)


def cannot_write(place: Path, error: OSError) -> ExportError:
    """What an ``OSError`` means for an export."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ExportError(
        f"{place} cannot be written: {error.strerror or error}",
        changed=UNTOUCHED,
        next="make room, then try again" if full else "see who may write there, or export --into",
    )


def assets(source: Path, url: str) -> Iterable[tuple[Path, str]]:
    """The files of a folder of the project, each with its place; links are followed within it.

    Raises:
        ExportError: a link leads out of the folder's release.
    """
    inside = source.resolve()
    for folder, folders, names in os.walk(source, followlinks=False):
        folders.sort()
        for name in sorted((*names, *(n for n in folders if os.path.islink(f"{folder}/{n}")))):
            path = Path(folder, name)
            real = path.resolve()
            if not real.is_relative_to(inside):
                raise ExportError(
                    f"{path.relative_to(source)} of the static files leads out of them",
                    changed=UNTOUCHED,
                    next="put the file itself there",
                )
            if real.is_file():
                yield real, f"{url.strip('/')}/{path.relative_to(source)}"
