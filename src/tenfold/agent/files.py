"""Write rendered files, each as a whole, and tell which of them changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from tenfold.agent.store import cannot_write, replace_file
from tenfold.errors import TargetError
from tenfold.secret import Secret
from tenfold.topology.process import File


def free_bytes(folder: Path) -> int | None:
    """How much the disk below it still takes; ``None`` if that cannot be said."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def write(root: Path, wanted: Sequence[File]) -> tuple[str, ...]:
    """Make files have their content; gives the paths, as they were given, that changed.

    Raises:
        TargetError: a relative path leaves the host's directory, or the disk does not take it.
    """
    changed = []
    for file in wanted:
        path = _place(root, file.path)
        text = file.text.reveal() if isinstance(file.text, Secret) else file.text
        content = text.encode()
        try:
            if _is_so_already(path, content, file.mode):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content, file.mode)
        except OSError as fault:
            raise cannot_write(path, fault) from fault
        changed.append(file.path)
    return tuple(changed)


def _place(root: Path, path: str) -> Path:
    place = root / path
    if not Path(path).is_absolute() and ".." in Path(path).parts:
        raise TargetError(f"{path} would lie outside of the host's directory")
    return place


def _is_so_already(path: Path, content: bytes, mode: int) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != mode:
        return False
    return found.st_size == len(content) and path.read_bytes() == content
