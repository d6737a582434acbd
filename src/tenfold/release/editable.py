"""Editable installs: site-packages names a folder elsewhere, where the code may change any time.

A release must not depend on that. The lines and finder modules that lead there stay out of the
copied environment; the folders are released instead, and named in the release's import path.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tenfold.errors import ReleaseError

_FINDER = re.compile(r"import\s+(__editable___\w+_finder)\b")


@dataclass(frozen=True, slots=True)
class Editable:
    """Folders that code is imported from, and what in site-packages leads there.

    ``drop`` are files to leave out; ``rewrite`` maps a ``.pth`` file to the text that remains.
    """

    folders: tuple[Path, ...] = ()
    drop: tuple[str, ...] = ()
    rewrite: tuple[tuple[str, str], ...] = ()


def find(venv: Path, site: Path) -> Editable:
    """Everything in a site-packages folder that leads out of its virtual environment.

    Raises:
        ReleaseError: a finder that maps a package to a folder of another name; that cannot be said
            by an import path.
    """
    folders: list[Path] = []
    drop: list[str] = []
    rewrite: list[tuple[str, str]] = []
    for file in sorted(site.glob("*.pth")):
        lines = file.read_text("utf-8", errors="surrogateescape").splitlines()
        kept: list[str] = []
        for line in lines:
            outside, finder, remains = _read_line(line, venv, site)
            folders += outside
            drop += finder
            kept += remains
        if not any(line.strip() for line in kept):
            drop.append(file.name)
        elif kept != lines:
            rewrite.append((file.name, "\n".join(kept) + "\n"))
    return Editable(tuple(dict.fromkeys(folders)), tuple(drop), tuple(rewrite))


def _read_line(line: str, venv: Path, site: Path) -> tuple[list[Path], list[str], list[str]]:
    """Folders outside that a line leads to, finder modules that it names, what remains of it."""
    finder = _FINDER.match(line)
    if finder:
        module = site / f"{finder[1]}.py"
        return [*_mapped(module)], [module.name], []
    text = line.strip()
    path = Path(os.path.normpath(site / text))
    if not text or text.startswith(("#", "import ", "import\t")) or not path.is_dir():
        return [], [], [line]
    if path.is_relative_to(venv):
        return [], [], [os.path.relpath(path, site)]
    return [path], [], []


def _mapped(module: Path) -> Iterator[Path]:
    """The import folders that setuptools' finder knows; its source is read, not run."""
    try:
        tree = ast.parse(module.read_text("utf-8"))
    except (OSError, SyntaxError) as error:
        raise ReleaseError(f"{module} cannot be read: {error}") from error
    for name, place in (*_table(tree, "MAPPING"), *_table(tree, "NAMESPACES")):
        path = Path(place)
        parents, _, last = name.rpartition(".")
        if last not in (path.name, path.stem):
            raise ReleaseError(
                f"the editable install in {module} imports {name} from {path}, "
                "a folder of another name",
                next="install it without --editable, or give the folder the package's name",
            )
        yield path.parents[len(parents.split(".")) if parents else 0]


def _table(tree: ast.Module, variable: str) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name == variable:
                for package, places in ast.literal_eval(value).items():
                    for place in [places] if isinstance(places, str) else places:
                        yield package, place
            case _:
                continue
