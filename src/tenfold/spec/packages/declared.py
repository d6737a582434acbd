"""What a project declares: the packages, the file that says so, and the Python that they want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from packaging.specifiers import SpecifierSet

Kind = Literal["uv", "poetry", "pdm", "pylock", "requirements", "pyproject"]


@dataclass(frozen=True, slots=True)
class Package:
    """One package; ``version`` is empty where the file leaves it open."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class PythonWish:
    """Which Pythons will do; ``any_of`` are alternatives, none means all of them.

    ``pinned`` is a version or the beginning of one (``3.12``) that a file asks for by name;
    ``where`` names the files.
    """

    any_of: tuple[SpecifierSet, ...] = ()
    pinned: str | None = None
    where: str = ""
    pinned_in: str = ""

    def allows(self, version: str) -> bool:
        """Whether the packages say that they work with this Python, patch level included."""
        return not self.any_of or any(s.contains(version, prereleases=True) for s in self.any_of)

    def names(self, version: str) -> bool:
        """Whether it is the one that is asked for by name, if one is."""
        return self.pinned is None or f"{version}.".startswith(f"{self.pinned}.")


@dataclass(frozen=True, slots=True)
class Declared:
    """The packages that the app needs to serve, without those for its development.

    Attributes:
        kind: whose file it is.
        file: the file, relative to the project.
        packages: by normal name; with a lock, those that others need as well.
        texts: every file, relative to the project, whose content says what is installed.
        local: folders or files, beside the project itself, that packages are made from.
        own: whether the project itself is installed as a package.
        name: what the project is called as a package; empty if it does not say.
        python: which Pythons will do.
        notes: what a person should know about the choice.
    """

    kind: Kind
    file: str
    packages: Mapping[str, Package]
    texts: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    own: bool = False
    name: str = ""
    python: PythonWish = field(default_factory=PythonWish)
    notes: tuple[str, ...] = ()

    @property
    def locked(self) -> bool:
        """Whether every version is fixed."""
        return self.file.endswith(".lock") or self.kind == "pylock"

    def has(self, name: str) -> bool:
        """Whether a package is among them; ``name`` in the normal spelling."""
        return name in self.packages

    @property
    def count(self) -> int:
        """How many packages; requirements name those of this machine by their place alone."""
        return len(self.packages) + (len(self.local) if self.kind == "requirements" else 0)

    @property
    def leaving(self) -> tuple[str, ...]:
        """Those of ``local`` that lie outside of the project."""
        return tuple(p for p in self.local if p.startswith("/") or p.split("/")[0] == "..")
