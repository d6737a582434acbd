"""Which packages a project needs, as its own files say it. Everything is read, nothing is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tenfold.spec.packages import locks, plain, pythons
from tenfold.spec.packages.declared import Declared, Kind, Package
from tenfold.spec.packages.toml import load, table

__all__ = ["Declared", "Kind", "Package", "find"]

_TOOLS = {"uv": "uv.lock", "poetry": "poetry.lock", "pdm": "pdm.lock"}


def find(root: Path) -> Declared | None:
    """What the project at ``root`` declares; ``None`` if no file says anything.

    A lock file goes before requirements files, and those before ``pyproject.toml``. Where several
    tools left a lock file, the one whose settings are in ``pyproject.toml`` is meant, else the
    newer tool.

    Raises:
        UsageError: the file that counts cannot be read.
    """
    project = load(root, "pyproject.toml")
    declared = locks.find(root, _preferred(root, project)) or plain.find(root, project)
    if declared is None:
        return None
    name = table(project, "project").get("name") or table(project, "tool", "poetry").get("name")
    named = replace(declared, name=name if isinstance(name, str) else "")
    return pythons.wished(root, project, named)


def _preferred(root: Path, project: dict[str, object]) -> str | None:
    tools = project.get("tool")
    named = [t for t in _TOOLS if isinstance(tools, dict) and t in tools]
    return next((_TOOLS[t] for t in named if (root / _TOOLS[t]).is_file()), None)
