"""A project's Python files, read and parsed but never imported."""

from __future__ import annotations

import ast
import math
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "build", "dist"})
# Code in such folders is about the app, not the app.
_ASIDE = frozenset({
    "tests", "test", "testing", "docs", "examples", "example", "samples", "benchmarks", "scripts",
})  # fmt: skip
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True)
class Module:
    """One parsed file. ``imports`` maps a local name to what it stands for, dotted."""

    path: Path
    text: str
    tree: ast.Module
    name: str

    @cached_property
    def imports(self) -> dict[str, str]:
        """``from fastapi import FastAPI as F`` gives ``F -> fastapi.FastAPI``."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    local = alias.asname or alias.name.partition(".")[0]
                    found[local] = alias.name if alias.asname else local
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{self.imported_from(node)}.{alias.name}"
        return found

    def imported_from(self, node: ast.ImportFrom) -> str:
        """The module that ``from ... import`` names, dotted, relative ones included."""
        if not node.level:
            return node.module or ""
        package = self.name.split(".")
        depth = node.level - (self.path.name == "__init__.py")
        base = package[: len(package) - depth]
        return ".".join([*base, *([node.module] if node.module else [])])

    def origin(self, node: ast.expr) -> str | None:
        """What a name or an attribute of a name stands for, dotted; ``None`` for anything else."""
        match node:
            case ast.Name(id=name):
                return self.imports.get(name, f"{self.name}.{name}")
            case ast.Attribute(value=value, attr=attr):
                base = self.origin(value)
                return f"{base}.{attr}" if base else None
            case _:
                return None

    def statements(self) -> Iterator[ast.stmt]:
        """Statements that run on import, those of ``if``, ``try`` and ``with`` included."""
        yield from _flat(self.tree.body)


def assigned(node: ast.stmt) -> tuple[str, ast.expr] | None:
    """Name and value of an assignment to one name, with or without a type."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=expression):
            return name, expression
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as expression):
            return name, expression
    return None


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "__main__" in ast.dump(node.test):
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from _flat(getattr(node, name, []))


@dataclass(frozen=True)
class Project:
    """A folder with Python files in it."""

    root: Path
    _parsed: dict[Path, Module | None] = field(default_factory=dict)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """All Python files, the likely ones first: not aside, near the top, by name."""
        found = sorted(self.walk(), key=lambda path: (self.is_aside(path), len(path.parts), path))
        return tuple(found)

    def walk(self, ending: str = ".py", *, within_seconds: float = math.inf) -> Iterator[Path]:
        """The project's files with this ending, without environments, builds and hidden folders.

        Ends early when the time is over.
        """
        deadline = time.monotonic() + within_seconds
        for folder, names, others in os.walk(self.root):
            if time.monotonic() > deadline:
                return
            names[:] = [name for name in names if not _is_skipped(Path(folder, name))]
            yield from (Path(folder, name) for name in others if name.endswith(ending))

    def is_aside(self, path: Path) -> bool:
        """Whether a file is a test, an example or the like."""
        parts = path.relative_to(self.root).parts
        return (
            not _ASIDE.isdisjoint(parts[:-1])
            or path.name.startswith("test_")
            or path.name in ("conftest.py", "setup.py", "noxfile.py")
        )

    def shown(self, path: Path, line: int | None = None) -> str:
        """``conduit/main.py:12``."""
        name = str(path.relative_to(self.root))
        return f"{name}:{line}" if line else name

    def modules(self, *words: str) -> Iterator[Module]:
        """The parsed files that contain one of the words (all files, if none is given)."""
        for path in self.files:
            module = self.module(path, words)
            if module is not None:
                yield module

    def module(self, path: Path, words: tuple[str, ...] = ()) -> Module | None:
        """One parsed file; ``None`` if it cannot be read or has none of the words."""
        if path not in self._parsed:
            text = _text(path)
            if text is None or (words and not any(word in text for word in words)):
                return None
            self._parsed[path] = _parse(path, text, dotted(self.root, path)[0])
        module = self._parsed[path]
        return module if module and (not words or any(w in module.text for w in words)) else None

    def named(self, dotted_name: str, below: Path | None = None) -> Module | None:
        """The project's module of this dotted name, if it has it."""
        base = (below or self.root).joinpath(*dotted_name.split("."))
        places = (base.with_name(f"{base.name}.py"), base / "__init__.py")
        found = next((path for path in places if path.is_file()), None)
        return self.module(found) if found else None


def _is_skipped(folder: Path) -> bool:
    return (
        folder.name.startswith(".")
        or folder.name in _SKIPPED
        or folder.is_symlink()
        # Unlike Path.exists, this does not fail in a folder that cannot be entered.
        or os.path.exists(folder / "pyvenv.cfg")
    )


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            return None
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _parse(path: Path, text: str, name: str) -> Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return Module(path, text, ast.parse(text), name)
    except (SyntaxError, ValueError, RecursionError):
        return None


def dotted(root: Path, path: Path) -> tuple[str, str]:
    """A file's dotted module name, and the folder (relative) that it is imported from.

    The folder is the first one upwards without ``__init__.py``; where that is not the project or
    ``src``, it is the project itself, unless the file imports its neighbours by their bare names.
    """
    relative = path.relative_to(root).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    top = path.parent
    while top != root and (top / "__init__.py").exists():
        top = top.parent
    base = top.relative_to(root)
    if base.parts[:1] == ("src",):
        base = Path("src")
    elif base.parts and not _imports_neighbours(path, top):
        base = Path()
    return ".".join(parts[len(base.parts) :]), "" if base == Path() else str(base)


def _imports_neighbours(path: Path, top: Path) -> bool:
    text = _text(path) or ""
    neighbours = {p.stem for p in top.glob("*.py")} | {
        p.parent.name for p in top.glob("*/__init__.py")
    }
    neighbours -= {path.stem}
    return any(
        f"from {n} import" in text or f"from {n}." in text or f"import {n}\n" in text
        for n in neighbours
    )
