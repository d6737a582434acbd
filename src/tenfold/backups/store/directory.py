"""A directory as a store: each object a file that is synced before it gets its name."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tenfold.agent.store import sync_directory
from tenfold.backups.faults import Fault, Kind
from tenfold.backups.store import Entry

UNFINISHED = ".tenfold-new-"
PIECE_BYTES = 1 << 20


class Directory:
    """See :class:`tenfold.backups.store.Store`."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self._root)

    def put(self, name: str, content: bytes, *, replace: bool = False) -> bool:
        """See the protocol."""
        path = self._path(name)
        with self._told(f"write {name} to"):
            self._root.stat()  # a disk that is not mounted must not be replaced by a new directory
            if not replace and path.exists():
                return False
            self._make(path.parent)
            return self._put(path, content, replace)

    def get(self, name: str) -> bytes:
        """See the protocol."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise Fault("missing", f"{name} is not in {self.place}") from None
        except OSError as error:
            raise self._fault(f"read {name} from", error) from error

    def list(self, prefix: str) -> Iterator[Entry]:
        """See the protocol."""
        with self._told("list"):
            self._root.stat()
            for folder, _, files in os.walk(self._path(prefix), onerror=_raise):
                for file in sorted(files):
                    if not file.startswith(UNFINISHED):
                        path = Path(folder, file)
                        with suppress(FileNotFoundError):
                            size = path.stat().st_size
                            yield Entry(str(path.relative_to(self._root)), size)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """See the protocol."""
        with self._told("list"):
            self._root.stat()
            try:
                found = [e.name for e in os.scandir(self._path(prefix)) if e.is_dir()]
            except FileNotFoundError:
                found = []
            return tuple(sorted(found))

    def delete(self, names: Iterable[str]) -> None:
        """See the protocol. Folders that become empty go as well."""
        with self._told("delete from"):
            for name in names:
                path = self._path(name)
                path.unlink(missing_ok=True)
                for folder in path.parents:
                    if folder == self._root or not _removed(folder):
                        break

    def _put(self, path: Path, content: bytes, replace: bool) -> bool:
        beside = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                _write_gently(file.fileno(), content)
                os.fsync(file.fileno())
            if replace:
                beside.replace(path)
            else:
                os.link(beside, path)
                beside.unlink()
        except FileExistsError:
            return False
        finally:
            beside.unlink(missing_ok=True)
        sync_directory(path.parent)
        return True

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        sync_directory(folder.parent)

    def _path(self, name: str) -> Path:
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"{name} is no name of an object")
        return self._root / name

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._fault(doing, error) from error

    def _fault(self, doing: str, error: OSError) -> Fault:
        kind, next = _MEANS.get(error.errno or 0, ("unreachable", "see that its disk is well"))
        return Fault(kind, f"cannot {doing} {self.place}: {error.strerror}", next)


def _write_gently(file: int, content: bytes) -> None:
    """Write it piece by piece, each on the disk before the next: the database commits there, too,
    and waits for whatever stands before it in the disk's queue."""
    view = memoryview(content)
    while view:
        written = os.write(file, view[:PIECE_BYTES])
        view = view[written:]
        os.fdatasync(file)


def _raise(error: OSError) -> None:
    if error.errno != errno.ENOENT:
        raise error


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


_ROOM = "make room there, or let [database.backup] keep less"
_MODE = "let the user that runs the database write there"
_MEANS: dict[int, tuple[Kind, str]] = {
    errno.ENOSPC: ("full", _ROOM),
    errno.EDQUOT: ("full", _ROOM),
    errno.EFBIG: ("full", _ROOM),
    errno.EACCES: ("refused", _MODE),
    errno.EPERM: ("refused", _MODE),
    errno.EROFS: ("refused", "it is mounted for reading alone"),
    errno.ENOENT: ("unreachable", "mount it, or make the directory"),
}
