"""A virtual environment as it lies on the disk. Read, never run: nothing of it executes here."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tenfold.errors import ReleaseError


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution; ``requires`` holds the plain names of what it needs.

    ``folder`` is its ``dist-info``; ``editable`` says that its code lies elsewhere.
    """

    name: str
    version: str
    folder: Path
    requires: tuple[str, ...] = ()
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Venv:
    """A virtual environment: where it is, which Python it has, what is installed."""

    root: Path
    version: str
    home: str
    site: str
    system_site: bool
    distributions: tuple[Distribution, ...]


def normal(name: str) -> str:
    """A distribution's name in the one spelling that compares (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def at(python: Path) -> Path | None:
    """The virtual environment that an interpreter belongs to; ``None`` if it is in none."""
    for folder in (python.parent.parent, python.parent):
        if (folder / "pyvenv.cfg").is_file():
            return folder
    return None


def read(root: Path) -> Venv:
    """Everything that a release must know of the virtual environment at ``root``.

    Raises:
        ReleaseError: it is broken, or no virtual environment at all.
    """
    config = _config(root)
    sites = sorted(path for path in root.glob("lib/*/site-packages") if path.is_dir())
    if len(sites) != 1:
        raise ReleaseError(
            f"{root} has {len(sites)} site-packages folders, so it is not a usable environment",
            next=f"make it anew: rm -r {root} && python3 -m venv {root}",
        )
    _check_interpreter(root, config.get("home", ""))
    return Venv(
        root=root,
        version=config.get("version") or config.get("version_info", ""),
        home=config.get("home", ""),
        site=str(sites[0].relative_to(root)),
        system_site=config.get("include-system-site-packages", "").lower() == "true",
        distributions=tuple(installed(sites[0])),
    )


def _config(root: Path) -> dict[str, str]:
    """``pyvenv.cfg``, read as the ``site`` module reads it."""
    try:
        text = (root / "pyvenv.cfg").read_text("utf-8", errors="replace")
    except OSError as error:
        raise ReleaseError(f"{root}/pyvenv.cfg cannot be read: {error.strerror}") from error
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _check_interpreter(root: Path, home: str) -> None:
    python = root / "bin/python"
    if not python.exists():
        gone = f" (it came from {home})" if home else ""
        raise ReleaseError(
            f"{python} does not lead to an interpreter any more{gone}",
            next=f"make the environment anew: rm -r {root} && python3 -m venv {root}",
        )


def installed(site: Path) -> Iterator[Distribution]:
    """The distributions in one site-packages folder, by name."""
    found = (_distribution(path) for path in (*site.glob("*.dist-info"), *site.glob("*.egg-info")))
    yield from sorted((d for d in found if d is not None), key=lambda d: (d.name, d.version))


def _distribution(folder: Path) -> Distribution | None:
    file = folder
    if folder.is_dir():
        file = folder / ("METADATA" if folder.suffix == ".dist-info" else "PKG-INFO")
    fields: dict[str, list[str]] = {"name": [], "version": [], "requires-dist": []}
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            # The header ends at the first empty line; a description of any length follows.
            for line in iter(lambda: lines.readline().rstrip("\r\n"), ""):
                key, _, value = line.partition(": ")
                if key.lower() in fields:
                    fields[key.lower()].append(value)
    except FileNotFoundError:
        return None
    if not fields["name"] or not fields["version"]:
        return None
    return Distribution(
        name=normal(fields["name"][0]),
        version=fields["version"][0],
        folder=folder,
        requires=tuple(plain_names(fields["requires-dist"])),
        editable=_is_editable(folder),
    )


def plain_names(requirements: Iterable[str]) -> Iterator[str]:
    """The distributions that requirements name, without those of optional extras."""
    for text in requirements:
        found = re.match(r"[A-Za-z0-9._-]+", text)
        if found and not re.search(r"\bextra\s*==", text):
            yield normal(found[0])


def _is_editable(folder: Path) -> bool:
    """Whether ``direct_url.json`` says so (PEP 610)."""
    try:
        record = json.loads((folder / "direct_url.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(record.get("dir_info", {}).get("editable"))


def files_of(distribution: Distribution) -> Iterator[str]:
    """Its files as its ``RECORD`` names them, relative to site-packages."""
    record = distribution.folder / "RECORD"
    if record.is_file():
        with record.open(encoding="utf-8", newline="") as lines:
            yield from (row[0] for row in csv.reader(lines) if row)
