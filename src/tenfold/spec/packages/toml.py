"""Reading what may be there, may be broken, and must not be trusted to have a certain shape."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

from tenfold.errors import UsageError

_MAX_BYTES = 64 << 20


def load(root: Path, name: str) -> dict[str, Any]:
    """A TOML document of the project; empty if there is no such file.

    Raises:
        UsageError: it is there and cannot be read.
    """
    text = text_of(root, name)
    if text is None:
        return {}
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"{root / name} is no TOML: {error}", next=f"mend {name}") from error


def text_of(root: Path, name: str) -> str | None:
    """The text of a file of the project; ``None`` if there is none.

    Raises:
        UsageError: it is there and cannot be read, or is a link out of the project.
    """
    file = root / name
    try:
        found = file.stat()
        if not file.resolve().is_relative_to(root.resolve()):
            raise UsageError(
                f"{file} leads out of the project, to {file.resolve()}", next="put the file there"
            )
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            raise UsageError(f"{file} is no file of at most {_MAX_BYTES:,} bytes")
        return file.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is not UTF-8: {error.reason} at byte {error.start}", next="save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {(error.strerror or str(error)).lower()}",
            next=f"chmod u+r {file}",
        ) from error


def table(value: Any, *keys: str) -> dict[str, Any]:
    """An inner table; empty if it, or one on the way to it, is missing or something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[dict[str, Any]]:
    """The tables of an array; whatever else is in it is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts of a list; whatever else is in it is left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
