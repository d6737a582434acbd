"""The lock files of uv, Poetry and PDM, and the common ``pylock.toml`` (PEP 751).

Read for what they name, not for how it is installed: that is the business of the tool that wrote
them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from tenfold.spec.packages.declared import Declared, Kind, Package
from tenfold.spec.packages.toml import items, load, table, texts

Document = dict[str, Any]
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "uv.toml", "poetry.toml", "pdm.toml")


def find(root: Path, preferred: str | None) -> Declared | None:
    """The lock file that counts, read; ``preferred`` goes before the others.

    Raises:
        UsageError: it cannot be read.
    """
    there = [name for name in _READERS if (root / name).is_file()]
    if not there:
        return None
    name = preferred or there[0]
    kind, read = _READERS[name]
    document = load(root, name)
    packages, local = read(document, root)
    others = [other for other in there if other != name]
    notes = (f"{', '.join(others)} is not used: {name} is there as well",) if others else ()
    project = load(root, "pyproject.toml")
    return Declared(
        kind=kind,
        file=name,
        packages={package.name: package for package in packages},
        texts=(name, *(f for f in _PROJECT if (root / f).is_file())),
        local=tuple(dict.fromkeys(local)),
        own=_own(kind, project, root),
        notes=notes,
    )


Read = Callable[[Document, Path], tuple[list[Package], list[str]]]


def _uv(document: Document, root: Path) -> tuple[list[Package], list[str]]:
    """What the project's own package needs, directly or not, without groups and extras."""
    known: dict[str, Document] = {}
    for entry in items(document.get("package")):
        known.setdefault(str(entry.get("name")), entry)
    own = [e for e in known.values() if _place(table(e, "source")) == "."]
    wanted = dict(_closure(own, known)) if own else known
    packages = [_package(entry) for entry in wanted.values()]
    places = (_place(table(entry, "source")) for entry in known.values())
    return packages, [p for p in places if p not in (None, ".")]


def _place(source: Document) -> str | None:
    """The folder or file that a package is made from, if it is one."""
    keys = ("editable", "virtual", "directory", "path")
    return next((_normal(str(source[k])) for k in keys if k in source), None)


def _closure(
    start: Iterable[Document], known: Mapping[str, Document]
) -> Iterator[tuple[str, Document]]:
    seen: set[tuple[str, str]] = set()
    todo = [edge for entry in start for edge in items(entry.get("dependencies"))]
    while todo:
        edge = todo.pop()
        name = str(edge.get("name"))
        entry = known.get(name)
        if entry is None:
            continue
        if (name, "") not in seen:
            seen.add((name, ""))
            yield name, entry
            todo += items(entry.get("dependencies"))
        for extra in texts(edge.get("extra")):
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo += items(table(entry, "optional-dependencies").get(extra))


def _poetry(document: Document, root: Path) -> tuple[list[Package], list[str]]:
    entries = items(document.get("package"))
    packages = [_package(e) for e in entries if "main" in _groups(e, "main", "category")]
    sources = [table(e, "source") for e in entries]
    local = [s.get("url") for s in sources if s.get("type") in ("directory", "file")]
    return packages, [_normal(str(place)) for place in local]


def _pdm(document: Document, root: Path) -> tuple[list[Package], list[str]]:
    entries = items(document.get("package"))
    packages = [_package(e) for e in entries if "default" in _groups(e, "default", "group")]
    return packages, [_normal(str(e["path"])) for e in entries if "path" in e]


def _groups(entry: Document, usual: str, old: str) -> list[str]:
    """The groups that need a package; older tools do not say it, and then it counts."""
    named = texts(entry.get("groups"))
    return named or [str(entry.get(old, usual))]


def _pylock(document: Document, root: Path) -> tuple[list[Package], list[str]]:
    entries = items(document.get("packages"))
    local: list[str] = []
    for entry in entries:
        for kind in ("directory", "archive"):
            path = table(entry, kind).get("path")
            if isinstance(path, str):
                local.append(_normal(path))
    return [_package(entry) for entry in entries], [p for p in local if p != "."]


def _package(entry: Document) -> Package:
    return Package(canonicalize_name(str(entry.get("name"))), str(entry.get("version", "")))


def _normal(place: str) -> str:
    path = unquote(urlsplit(place).path) if place.startswith("file:") else place
    return posixpath.normpath(path)


def _own(kind: Kind, project: Document, root: Path) -> bool:
    """Whether the tool installs the project itself; each has its own way to be told not to."""
    if kind == "pylock":
        return False
    if kind == "uv":
        told = table(project, "tool", "uv").get("package")
        return told if isinstance(told, bool) else "build-system" in project
    if kind == "pdm":
        told = table(project, "tool", "pdm").get("distribution")
        return told if isinstance(told, bool) else "build-system" in project
    return poetry_installs(project, root)


def poetry_installs(project: Document, root: Path) -> bool:
    """Whether Poetry can install the project itself.

    It gives up on a project without a folder of its name, and applications often have none.
    """
    poetry = table(project, "tool", "poetry")
    if poetry.get("package-mode") is False:
        return False
    if poetry.get("packages"):
        return True
    name = str(poetry.get("name") or table(project, "project").get("name", ""))
    module = canonicalize_name(name).replace("-", "_")
    return bool(module) and any(
        (root / base / module).is_dir() or (root / base / f"{module}.py").is_file()
        for base in ("", "src")
    )


_READERS: Mapping[str, tuple[Kind, Read]] = {
    "uv.lock": ("uv", _uv),
    "poetry.lock": ("poetry", _poetry),
    "pdm.lock": ("pdm", _pdm),
    "pylock.toml": ("pylock", _pylock),
}
