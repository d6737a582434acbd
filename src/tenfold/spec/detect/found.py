"""What was found in a project, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Interface = Literal["asgi", "wsgi"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was recognised: ``what`` it is, and ``where`` that can be seen."""

    kind: Literal[
        "framework",
        "migrations",
        "static",
        "health",
        "environment",
        "requirements",
        "storage",
        "workers",
        "generator",
    ]
    what: str
    where: str


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know: the ``fact``, and what follows from it."""

    fact: str
    then: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A directory of user files; ``url`` is where everybody may read them, if they may."""

    directory: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One object that could be the app: ``entry`` is ``module:attribute``.

    ``pythonpath`` is the folder, relative to the project, that ``entry`` is imported from.
    """

    entry: str
    framework: str
    interface: Interface
    file: Path
    line: int
    pythonpath: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that ``tenfold init`` writes down, and what it says about it.

    ``app`` is ``None`` where there is a static site alone; ``site`` is the command that makes one
    and the folder that it writes.
    """

    root: Path
    name: str
    app: str | None
    interface: Interface | None
    python: str | None = None
    pythonpath: tuple[str, ...] = ()
    build: str | None = None
    migrate: str | None = None
    health: str | None = None
    kind: str | None = None
    command: str | None = None
    assets: tuple[tuple[str, str], ...] = ()
    site: tuple[str, str] | None = None
    storage: tuple[Stored, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    workers: tuple[tuple[str, str], ...] = ()
    redis: bool = False
    items: tuple[Item, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What one recogniser adds to the picture."""

    build: str | None = None
    migrate: str | None = None
    health: str | None = None
    kind: str | None = None
    command: str | None = None
    assets: tuple[tuple[str, str], ...] = ()
    site: tuple[str, str] | None = None
    storage: tuple[Stored, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    workers: tuple[tuple[str, str], ...] = ()
    redis: bool = False
    items: tuple[Item, ...] = ()
    notes: tuple[Note, ...] = ()
