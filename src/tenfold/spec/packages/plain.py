"""Projects without a lock file: requirements files, ``pyproject.toml``, ``setup.py``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tenfold.spec.packages.declared import Declared, Package
from tenfold.spec.packages.locks import poetry_installs
from tenfold.spec.packages.toml import table, text_of, texts

# The first that is there counts. A file for development alone is none of them.
REQUIREMENTS = (
    "requirements.lock", "requirements.txt", "requirements/production.txt",
    "requirements/prod.txt", "requirements-prod.txt", "requirements/requirements.txt",
    "requirements/base.txt", "requirements/common.txt", "requirements/main.txt",
)  # fmt: skip
_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[ =]?\s*(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[ =]?\s*(\S.*)")
_OPTIONS = re.compile(r"\s--(?:hash|config-settings|global-option)[ =].*$")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_REMOTE = re.compile(r"^(?:[a-z]+\+)?(?:https?|ssh|git)(?:://|@)|^[a-z]+\+file:", re.IGNORECASE)
_NAMED_PLACE = re.compile(r"^[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*@\s*(\S+)")
_SETUP = ("setup.py", "setup.cfg")


def find(root: Path, project: dict[str, Any]) -> Declared | None:
    """A requirements file, else what ``pyproject.toml`` or ``setup.py`` asks for.

    Raises:
        UsageError: a file that counts cannot be read.
    """
    file = next((name for name in REQUIREMENTS if (root / name).is_file()), None)
    return _requirements(root, file) if file else _project(root, project)


@dataclass
class _Reading:
    """What the lines of a requirements file, and of those that it names, amount to."""

    root: Path
    packages: dict[str, Package] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)
    own: bool = False

    def read(self, name: str, *, constraints: bool = False) -> None:
        """One file; those that it includes come after it."""
        name = posixpath.normpath(name)
        if name in self.files:
            return
        self.files.append(name)
        for line in _lines(text_of(self.root, name) or ""):
            included = _INCLUDE.match(line)
            if included and "://" not in included[1]:
                only = constraints or line.startswith(("-c", "--constraint"))
                self.read(posixpath.join(posixpath.dirname(name), included[1]), constraints=only)
            elif not constraints:
                self._line(line)

    def _line(self, line: str) -> None:
        editable = _EDITABLE.match(line)
        place = _place(editable[1] if editable else line)
        if place is not None:
            self._place(place)
        elif not line.startswith("-"):
            self._package(line)

    def _place(self, place: str) -> None:
        if place == ".":
            self.own = True
        elif place not in self.local:
            self.local.append(place)

    def _package(self, line: str) -> None:
        package = _package(line)
        if package is not None:
            self.packages.setdefault(package.name, package)


def _requirements(root: Path, file: str) -> Declared:
    reading = _Reading(root)
    reading.read(file)
    others = [f for f in ("pyproject.toml", *_SETUP) if reading.own and (root / f).is_file()]
    return Declared(
        kind="requirements",
        file=file,
        packages=reading.packages,
        texts=(*reading.files, *others),
        local=tuple(reading.local),
        own=reading.own,
    )


def _lines(text: str) -> Iterator[str]:
    """Logical lines: joined where they end with a backslash, without comments and hashes."""
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = _OPTIONS.sub("", _COMMENT.sub("", raw)).strip()
        if line:
            yield line


def _place(text: str) -> str | None:
    """The folder or file of this machine that a requirement names, without its extras."""
    named = _NAMED_PLACE.match(text)
    target = named[1] if named else text.strip().strip("\"'")
    if _REMOTE.match(target):
        return None
    if target.startswith("file:"):
        target = re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", target)
    elif not target.startswith((".", "/", "~")) and not target.endswith((".whl", ".tar.gz")):
        return None
    return posixpath.normpath(re.sub(r"\[[^\]]*\]$", "", target.partition("#")[0]).strip())


def _package(line: str) -> Package | None:
    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
        return Package(canonicalize_name(found[0])) if found else None
    return Package(canonicalize_name(wanted.name), _exact(wanted))


def _exact(wanted: Requirement) -> str:
    exact = [s.version for s in wanted.specifier if s.operator in ("==", "===")]
    return exact[0] if exact and "*" not in exact[0] else ""


def _project(root: Path, project: dict[str, Any]) -> Declared | None:
    poetry = table(project, "tool", "poetry", "dependencies")
    setup = [name for name in _SETUP if (root / name).is_file()]
    if "project" not in project and not poetry and "setup.py" not in setup:
        return None
    file = "pyproject.toml" if "project" in project or poetry else "setup.py"
    wanted = texts(table(project, "project").get("dependencies"))
    listed = (_package(line) for line in wanted)
    found = [*filter(None, listed), *_poetry(poetry)]
    # Poetry's own tables are understood by Poetry alone, with or without its lock file.
    by_poetry = bool(poetry) and "project" not in project
    return Declared(
        kind="poetry" if by_poetry else "pyproject",
        file=file,
        packages={package.name: package for package in found},
        texts=(*(f for f in ("pyproject.toml", "uv.toml") if (root / f).is_file()), *setup),
        local=tuple(_places(wanted, poetry)),
        own=poetry_installs(project, root)
        if by_poetry
        else "build-system" in project or file == "setup.py",
    )


def _poetry(dependencies: dict[str, Any]) -> Iterator[Package]:
    for name, wish in dependencies.items():
        version = wish if isinstance(wish, str) else ""
        exact = version if re.fullmatch(r"\d+(\.\d+)*", version) else ""
        if name != "python" and not (isinstance(wish, dict) and wish.get("optional")):
            yield Package(canonicalize_name(name), exact)


def _places(wanted: Iterable[str], poetry: dict[str, Any]) -> Iterator[str]:
    yield from filter(None, map(_place, wanted))
    for wish in poetry.values():
        if isinstance(wish, dict) and isinstance(wish.get("path"), str):
            yield posixpath.normpath(wish["path"])
