"""Generated passwords, in one file of mode 0600, made once per deployment."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tenfold.errors import Refused
from tenfold.secret import Secret


def ensure(path: Path, names: Iterable[str]) -> Mapping[str, Secret]:
    """The secrets of these names; missing ones are generated and kept.

    Raises:
        Refused: the file is unreadable or open to others.
    """
    known = load(path)
    missing = [name for name in names if name not in known]
    if missing:
        known = {**known, **{name: Secret.generate() for name in missing}}
        _save(path, known)
    return known


def remember(path: Path, values: Mapping[str, Secret]) -> None:
    """Keep these, in place of what the same names held before."""
    known = load(path)
    if values and any(known.get(name) != value for name, value in values.items()):
        _save(path, {**known, **values})


def load(path: Path) -> dict[str, Secret]:
    """What the file holds; nothing if it is not there yet."""
    try:
        if not path.exists():
            return {}
        if path.stat().st_mode & 0o077:
            raise Refused(
                f"{path} can be read by others",
                next=f"chmod 600 {path}, and consider its passwords known",
            )
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path} cannot be read: {error}",
            next="run as the user that brought this deployment up, or restore the file",
        ) from error
    return {name: Secret(value) for name, value in data.items()}


def _save(path: Path, secrets: Mapping[str, Secret]) -> None:
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
        with os.fdopen(descriptor, "w") as file:
            json.dump({name: secret.reveal() for name, secret in secrets.items()}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
