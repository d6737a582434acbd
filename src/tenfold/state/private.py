"""Files that only their owner may read: as a whole or not at all, and there after a power cut."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenfold.errors import Refused


def read_json(path: Path) -> dict[str, Any]:
    """The object that the file holds; an empty one if it is not there yet.

    Raises:
        Refused: it is open to others, unreadable, or no such object.
    """
    try:
        if not path.exists():
            return {}
        if path.stat().st_mode & 0o077:
            raise Refused(
                f"{path} can be read by others",
                next=f"chmod 600 {path}, and consider its secrets known",
            )
        data = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:  # its words, without the text that it could not read
        raise _unreadable(path, f"{error.msg} in line {error.lineno}") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from None
    if not isinstance(data, dict):
        raise _unreadable(path, "it is no object")
    return data


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Have the file hold this object, mode 0600, durably.

    Raises:
        Refused: the disk does not take it; the file is as it was.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _settle(path.parent)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise Refused(f"{path} cannot be written: {error.strerror}") from error


def copy(source: Path, target: Path) -> None:
    """Have ``target`` hold what ``source`` does, if that is there. Raises ``Refused``."""
    held = read_json(source)
    if held:
        write_json(target, held)


def _settle(folder: Path) -> None:
    """What was renamed in a folder is there after a power cut only when the folder is written."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, why: str) -> Refused:
    return Refused(
        f"{path} cannot be read: {why}",
        next="run as the user that brought this deployment up, or restore the file",
    )
