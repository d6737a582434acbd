"""What is installed in the project's virtual environment, from the names of its records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment (``None``: none was found) and its packages with their versions."""

    root: Path | None = None
    packages: Mapping[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a distribution is installed; names in the normal spelling."""
        return name in self.packages

    def any(self, *names: str) -> str | None:
        """The first of these that is installed."""
        return next((name for name in names if name in self.packages), None)

    def titled(self, name: str) -> str:
        """``gunicorn 23.0``."""
        return f"{name} {self.packages[name]}"


def find(root: Path) -> Installed:
    """The environment that the project keeps beside it: ``.venv``, else ``venv`` or ``env``."""
    for name in (".venv", "venv", "env"):
        folder = root / name
        if (folder / "pyvenv.cfg").is_file():
            return Installed(folder, dict(_packages(folder)))
    return Installed()


def _packages(folder: Path) -> list[tuple[str, str]]:
    found = []
    for record in folder.glob("lib/*/site-packages/*.dist-info"):
        name, dash, version = record.name.removesuffix(".dist-info").rpartition("-")
        if dash:
            found.append((re.sub(r"[-_.]+", "-", name).lower(), version))
    return found
