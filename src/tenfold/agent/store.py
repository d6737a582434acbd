"""What an agent must not forget: small JSON files, each replaced as a whole.

A file is either the old one or the new one, also after a crash or a power cut: it is written
beside, synced, renamed, and the rename synced. Files hold secrets of units' environments, hence
mode 0600.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from tenfold.errors import TargetError


class Corrupt(TargetError):
    """A state file cannot be read; it was set aside."""


def sync_directory(directory: Path) -> None:
    """Make renames and deletions in ``directory`` survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes, mode: int, *, durable: bool = True) -> None:
    """Give ``path`` this content, at once or not at all. Raises ``OSError``.

    What need not outlast a power cut, only a killed agent, is not ``durable``: syncing takes time.
    """
    beside = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if durable:
        sync_directory(path.parent)


def cannot_write(path: Path, fault: OSError) -> TargetError:
    """The error for a state or config file that the disk did not take."""
    return TargetError(
        f"cannot write {path}: {fault.strerror or fault}",
        next="free some space, or make the directory writable, then give the command again",
    )


class Store:
    """A directory of named records, ``folder/name.json``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, folder: str, name: str, data: dict[str, Any], *, durable: bool = True) -> None:
        """Keep ``data``, also through a power cut if it is ``durable``.

        Raises ``TargetError`` when the disk does not take it.
        """
        path = self._path(folder, name)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, json.dumps(data).encode(), 0o600, durable=durable)
        except OSError as fault:
            raise cannot_write(path, fault) from fault

    def read(self, folder: str, name: str) -> dict[str, Any] | None:
        """What was kept, or ``None``.

        Raises:
            Corrupt: it is no such record; the file was set aside.
            TargetError: the disk does not give it.
        """
        path = self._path(folder, name)
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise TargetError(f"cannot read {path}: {fault.strerror}") from fault
        except ValueError as fault:
            raise self._set_aside(path, str(fault)) from fault
        if not isinstance(data, dict):
            raise self._set_aside(path, "not a JSON object")
        return data

    def delete(self, folder: str, name: str, *, durable: bool = True) -> None:
        """Forget it; fine if there is nothing. Raises ``TargetError``."""
        path = self._path(folder, name)
        try:
            path.unlink(missing_ok=True)
            if durable and path.parent.is_dir():
                sync_directory(path.parent)
        except OSError as fault:
            raise cannot_write(path, fault) from fault

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted."""
        found = (self._directory / folder).glob("*.json")
        return sorted(path.stem for path in found if not path.name.startswith("."))

    def set_aside(self, folder: str, name: str, reason: str) -> Corrupt:
        """Move an unreadable record out of the way; gives the error to raise or to show."""
        return self._set_aside(self._path(folder, name), reason)

    def _path(self, folder: str, name: str) -> Path:
        if "/" in name or name.startswith("."):
            raise TargetError(f"{name!r} cannot be the name of a unit, a pool or a socket")
        return self._directory / folder / f"{name}.json"

    def _set_aside(self, path: Path, reason: str) -> Corrupt:
        aside = path.with_name(f"{path.name}.unreadable")
        changed = f"it was moved to {aside.name}"
        try:
            path.replace(aside)
        except OSError as fault:
            changed = f"it is still there: {fault.strerror}"
        return Corrupt(f"{path} is unreadable ({reason})", changed=changed)
