"""The file that says which packages belong into the environment, and how many it names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tenfold.spec.detect.found import Item

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S+)")


def item(root: Path) -> Item | None:
    """The first of them that is there: a lock file, ``requirements.txt``, ``pyproject.toml``."""
    for name in _LOCKS:
        if (root / name).is_file():
            document = _toml(root / name)
            locked = document.get("package", document.get("packages", []))
            return Item("requirements", _counted(len(locked), "locked"), name)
    file = root / "requirements.txt"
    if file.is_file():
        count = len(set(_lines(file, {file})))
        return Item("requirements", _counted(count, "required"), file.name)
    wanted = _toml(root / "pyproject.toml").get("project", {}).get("dependencies", [])
    if not wanted:
        return None
    return Item("requirements", _counted(len(wanted), "required"), "pyproject.toml")


def _counted(count: int, how: str) -> str:
    return f"{count} package{'s' * (count != 1)} {how}"


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _lines(file: Path, seen: set[Path]) -> Iterator[str]:
    """The requirements in a file and in those that it includes; options are none."""
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return
    for line in map(str.strip, text.splitlines()):
        included = _INCLUDE.match(line)
        if included:
            other = (file.parent / included[1]).resolve()
            if other not in seen:
                seen.add(other)
                yield from _lines(other, seen)
        elif line.startswith("-e ") or re.match(r"[A-Za-z0-9./]", line):
            yield line
