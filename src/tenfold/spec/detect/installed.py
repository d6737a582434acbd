"""Which packages the app has: those of its virtual environment, else those that it declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.errors import UsageError
from tenfold.spec import packages
from tenfold.spec.packages import Declared


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment (``None``: none was found) and its packages with their versions.

    Without one, ``packages`` are the ``declared`` ones, of which Tenfold will make an environment.
    ``fault`` says why what is declared could not be read.
    """

    root: Path | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    declared: Declared | None = None
    fault: str | None = None

    def has(self, name: str) -> bool:
        """Whether a distribution is there; names in the normal spelling."""
        return name in self.packages

    def any(self, *names: str) -> str | None:
        """The first of these that is there."""
        return next((name for name in names if name in self.packages), None)

    def titled(self, name: str) -> str:
        """``gunicorn 23.0``."""
        return f"{name} {self.packages[name]}".rstrip()

    @property
    def place(self) -> str:
        """Where packages are added: the environment's folder, or the file that names them."""
        if self.root is not None:
            return self.root.name
        return self.declared.file if self.declared else "requirements.txt"

    def how_to_add(self, name: str) -> str:
        """What to do for a package that is missing."""
        if self.root is not None:
            return f"{self.root.name}/bin/pip install {name}"
        kind = self.declared.kind if self.declared and self.declared.locked else ""
        commands = {"uv": "uv add", "poetry": "poetry add", "pdm": "pdm add"}
        return f"{commands[kind]} {name}" if kind in commands else f"add {name} to {self.place}"


def find(root: Path) -> Installed:
    """The environment that the project keeps beside it (``.venv``, else ``venv`` or ``env``), and
    what it declares."""
    try:
        declared, fault = packages.find(root), None
    except UsageError as error:
        declared, fault = None, error.what
    for name in (".venv", "venv", "env"):
        folder = root / name
        if (folder / "pyvenv.cfg").is_file():
            return Installed(folder, dict(_packages(folder)), declared, fault)
    named = {p.name: p.version for p in declared.packages.values()} if declared else {}
    return Installed(None, named, declared, fault)


def look(folder: Path) -> Installed:
    """What is installed in this environment."""
    return Installed(folder, dict(_packages(folder)))


def _packages(folder: Path) -> list[tuple[str, str]]:
    found = []
    for record in folder.glob("lib/*/site-packages/*.dist-info"):
        name, dash, version = record.name.removesuffix(".dist-info").rpartition("-")
        if dash:
            found.append((re.sub(r"[-_.]+", "-", name).lower(), version))
    return found
