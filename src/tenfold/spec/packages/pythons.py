"""The Python that a project asks for: what its packages allow, and what a file names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from tenfold.spec.packages.declared import Declared, PythonWish
from tenfold.spec.packages.toml import load, table, text_of

# ".python-version" of pyenv and uv, "runtime.txt" of Heroku.
_PINNED = (
    (".python-version", re.compile(r"(?:cpython[-@]|python-?)?(\d+(?:\.\d+){0,2})")),
    ("runtime.txt", re.compile(r"python-(\d+(?:\.\d+){0,2})")),
)


def wished(root: Path, project: dict[str, Any], declared: Declared) -> Declared:
    """The same, with the Python that the project wants.

    Raises:
        UsageError: a file cannot be read.
    """
    allowed, where = _allowed(root, project, declared)
    pinned, pinned_in, notes = _pinned(root)
    wish = PythonWish(allowed, pinned, where, pinned_in)
    return replace(declared, python=wish, notes=(*declared.notes, *notes))


def _allowed(
    root: Path, project: dict[str, Any], declared: Declared
) -> tuple[tuple[SpecifierSet, ...], str]:
    poetry = table(project, "tool", "poetry", "dependencies").get("python")
    lock = load(root, declared.file) if declared.locked else {}
    told = [
        (table(project, "project").get("requires-python"), "pyproject.toml"),
        (poetry, "pyproject.toml"),
        (lock.get("requires-python"), declared.file),
        (table(lock, "metadata").get("python-versions"), declared.file),
    ]
    for text, where in told:
        if isinstance(text, str):
            parsed = specifiers(text)
            if parsed:
                return parsed, where
    return (), ""


def specifiers(text: str) -> tuple[SpecifierSet, ...]:
    """What ``>=3.11,<4``, or Poetry's ``^3.11`` and ``~3.11 || ^3.12``, allows; alternatives.

    Empty if all of them will do, or if it cannot be understood: whoever installs tells that better.
    """
    try:
        return tuple(
            SpecifierSet(",".join(_standard(part) for part in _parts(alternative)))
            for alternative in re.split(r"\|\|?", text)
        )
    except InvalidSpecifier:
        return ()


def _parts(alternative: str) -> Iterator[str]:
    for part in re.split(r",|\s+(?=[<>=!~^])", alternative):
        if part.strip() not in ("", "*"):
            yield part.strip()


def _standard(part: str) -> str:
    """Poetry's caret and tilde as PEP 440 has them."""
    caret = re.fullmatch(r"\^\s*(\d+)((?:\.\d+)*)", part)
    if caret:
        return f">={caret[1]}{caret[2]},<{int(caret[1]) + 1}"
    tilde = re.fullmatch(r"~\s*(\d+)(?:\.(\d+))?((?:\.\d+)*)", part)
    if tilde:
        major, minor = tilde[1], tilde[2]
        above = f"{major}.{int(minor) + 1}" if minor else str(int(major) + 1)
        return f">={part.lstrip('~ ')},<{above}"
    return f"=={part}" if re.fullmatch(r"\d+(\.\d+|\.\*)*", part) else part


def _pinned(root: Path) -> tuple[str | None, str, tuple[str, ...]]:
    for name, pattern in _PINNED:
        lines = (text_of(root, name) or "").split()
        if not lines:
            continue
        found = pattern.fullmatch(lines[0])
        if found:
            return found[1], name, ()
        shown = lines[0] if len(lines[0]) <= 40 else f"{lines[0][:40]}..."
        return None, "", (f"{name} says {shown}, which names no version of CPython",)
    return None, "", ()
