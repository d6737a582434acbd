"""Where an app keeps the files of its users: what settings and mounts name by habit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tenfold.spec.detect.evaluate import constants, value
from tenfold.spec.detect.found import Item, Note, Part, Stored
from tenfold.spec.detect.project import Module, Project

_SETTING: Final = re.compile(r"(UPLOADS?|UPLOADED|MEDIA)_(FOLDER|DIR|DIRECTORY|ROOT|PATH|DEST)")
_FOLDERS: Final = frozenset({"media", "upload", "uploads", "user_files", "attachments", "avatars"})


def is_for_users(url: str, directory: Path | None) -> bool:
    """Whether a static mount is one of user files, by its names."""
    names = {url.strip("/").lower(), directory.name.lower() if directory else ""}
    return not _FOLDERS.isdisjoint(names)


def inside(root: Path, directory: Any) -> str | None:
    """A directory that may be kept, relative to the project: in it, not all of it, no code."""
    if not isinstance(directory, (str, Path)) or not str(directory):
        return None
    full = Path(root / directory)
    if not full.is_relative_to(root) or full == root or ".." in full.parts:
        return None
    return None if any(full.glob("*.py")) else str(full.relative_to(root))


def look(project: Project) -> Part:
    """Directories that constants, Flask's configuration or a class of settings name."""
    items: dict[str, Item] = {}
    for module in project.modules("UPLOAD", "MEDIA"):
        if project.is_aside(module.path):
            continue
        for directory, line in _settings(module):
            found = inside(project.root, directory)
            if found is not None:
                where = project.shown(module.path, line)
                items.setdefault(found, Item("storage", f"{found}/ for user files", where))
    kept = tuple(Stored(directory) for directory in _outermost(items))
    return Part(storage=kept, items=tuple(items[s.directory] for s in kept))


def notes(found: Iterable[Stored]) -> tuple[Note, ...]:
    """What to know of directories whose URL nobody knows."""
    return tuple(
        Note(
            f"{stored.directory}/ is kept across releases, and the app itself serves it",
            f'[storage] urls = {{ "/{Path(stored.directory).name}" = "{stored.directory}" }}'
            " would have the edge do it, for everybody",
        )
        for stored in found
        if stored.url is None
    )


def _outermost(directories: dict[str, Item]) -> Iterator[str]:
    """Those that lie in none of the others."""
    for directory in directories:
        if not any(Path(directory).is_relative_to(d) for d in directories if d != directory):
            yield directory


def _settings(module: Module) -> Iterator[tuple[Any, int]]:
    """Every value that is given to a setting of such a name, and its line."""
    names = constants([*module.statements()], module.path)
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(targets=[target], value=given) if _SETTING.fullmatch(_name(target)):
                yield value(given, names), node.lineno
            case ast.keyword(arg=str(name), value=given) if _SETTING.fullmatch(name):
                yield value(given, names), given.lineno
            case _:
                continue


def _name(target: ast.expr) -> str:
    """``UPLOAD_FOLDER`` of ``UPLOAD_FOLDER`` and of ``app.config["UPLOAD_FOLDER"]``."""
    match target:
        case ast.Name(id=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case _:
            return ""
