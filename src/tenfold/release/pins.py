"""Does the environment have the versions that the project's lock or requirements files pin?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tenfold.release.venv import Distribution, normal, plain_names

_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;,#*\\]+)\s*(?:\\|--hash.*|#.*)?$")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]\s*(\S+)")
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
REQUIREMENTS = ("requirements.txt", "requirements.lock")


def mismatches(project: Path, installed: Sequence[Distribution]) -> tuple[str, ...]:
    """One sentence for each pin that the environment does not meet.

    A lock file lists more than any one machine installs, so only what is installed is compared; a
    requirements file means all of its lines, except those with a condition (``; python_version``).
    """
    versions = {d.name: d.version for d in installed}
    return (*_from_locks(project, versions), *_from_requirements(project, versions))


def named(project: Path) -> Iterator[str]:
    """The distributions that the requirements files ask for, in whatever version."""
    for file in REQUIREMENTS:
        yield from plain_names(_lines(project, project / file, seen=set()))


def _from_locks(project: Path, versions: Mapping[str, str]) -> Iterator[str]:
    for file in LOCKS:
        locked: dict[str, list[str]] = {}
        for name, version in _locked(project / file):
            locked.setdefault(name, []).append(version)
        for name, wanted in sorted(locked.items()):
            have = versions.get(name)
            if have is not None and not any(_same(have, version) for version in wanted):
                yield f"the environment has {name} {have}, {file} says {' or '.join(wanted)}"


def _locked(file: Path) -> Iterator[tuple[str, str]]:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return
    for package in document.get("package", document.get("packages", [])):
        # A workspace member has no version that matters, or one that changes with each commit.
        editable = {"editable", "virtual", "directory"} & set(package.get("source", {}))
        if not editable and "name" in package and "version" in package:
            yield normal(package["name"]), str(package["version"])


def _from_requirements(project: Path, versions: Mapping[str, str]) -> Iterator[str]:
    for file in REQUIREMENTS:
        for name, wanted in _pinned(project, project / file):
            have = versions.get(name)
            if have is None:
                yield f"{file} says {name} {wanted}, which is not installed"
            elif not _same(have, wanted):
                yield f"the environment has {name} {have}, {file} says {wanted}"


def _pinned(project: Path, file: Path) -> Iterator[tuple[str, str]]:
    for line in _lines(project, file, seen=set()):
        pin = _PIN.match(line)
        if pin:
            yield normal(pin[1]), pin[2]


def _lines(project: Path, file: Path, seen: set[Path]) -> Iterator[str]:
    """The lines of a requirements file and of those that it includes, inside the project."""
    file = file.resolve()
    if file in seen or not file.is_relative_to(project.resolve()):
        return
    seen.add(file)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for line in map(str.strip, text.splitlines()):
        include = _INCLUDE.match(line)
        if include:
            yield from _lines(project, file.parent / include[1], seen)
        else:
            yield line


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(version: str) -> str:
    """Versions that differ in case and in zeros at the end alone are the same (PEP 440)."""
    release, plus, local = version.lower().removeprefix("v").partition("+")
    return re.sub(r"(\.0)+$", "", release) + plus + local
