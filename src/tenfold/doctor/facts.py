"""What is looked at, as frozen values: one per area. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.doctor.model import Unseen
from tenfold.engines.postgresql.checks import Finding as Precheck
from tenfold.engines.postgresql.health import Health
from tenfold.spec.detect.django import Django
from tenfold.spec.detect.project import Module, Project


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """This machine, as far as the app depends on it. Sizes in bytes, times in seconds.

    ``engines`` are what is missing to run PostgreSQL and nginx, each with what to do. ``clock`` is
    whether the kernel says that somebody keeps it right, ``None`` if it does not say. ``newest`` is
    when the last release was built, ``listens`` why the edge could not listen where it is to.
    """

    system: str
    processor: str
    memory_bytes: int
    memory_free_bytes: int
    disk_bytes: int
    disk_free_bytes: int
    files_free: int | None
    open_files: int
    accept_queue: int | None
    clock: bool | None
    now: float
    newest: float | None = None
    engines: tuple[tuple[str, str], ...] = ()
    listens: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """The project's folder. ``problems`` are what its ``tenfold.toml`` is refused for.

    ``file`` tells whether there is one. ``missing`` are variables that ``[env]`` takes and nobody
    gives. ``environment`` is the folder of the virtual environment, or the file that says what goes
    into one; ``packages_fault`` why that file could not be read. ``server`` is the app's server
    there, ``wanted`` those that would do, ``add`` how one is added. ``entry_missing`` is the module
    that is nowhere.
    """

    root: Path
    file: bool
    problems: tuple[str, str] | None = None
    missing: tuple[str, ...] = ()
    environment: str | None = None
    server: str | None = None
    wanted: tuple[str, ...] = ()
    add: str = ""
    packages_fault: str | None = None
    entry_missing: str | None = None
    secrets_open: str | None = None
    tracked_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The app's source, parsed, and what decides what it means.

    Attributes:
        project: reads files on demand; checks look at ``modules`` alone.
        modules: the app's own, without tests, examples and the like.
        entry: the module of ``app``; ``None`` if that is not known.
        django: its settings, for a Django project.
        workers: processes that serve the app at once.
        public: the edge listens on an address that others can reach.
        given: plain values of ``[env]`` by name, ``None`` where they come from elsewhere.
        kept: folders that outlive a release (``[storage] dirs``).
        extensions: those that the chosen PostgreSQL has; ``None`` if that is not known.
        sql: the project's SQL files by their paths.
    """

    project: Project
    modules: tuple[Module, ...]
    entry: str | None = None
    django: Django | None = None
    workers: int = 2
    public: bool = False
    given: Mapping[str, str | None] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    extensions: frozenset[str] | None = None
    postgres: str = "PostgreSQL"
    sql: Mapping[str, str] = field(default_factory=dict)

    def at(self, module: Module, node: Any) -> str:
        """``conduit/main.py:12``."""
        return self.project.shown(module.path, getattr(node, "lineno", None))

    @property
    def copies(self) -> str:
        """The stage at which there are several copies of what lives in a process's memory."""
        return "10" if self.workers > 1 else "1k"

    @property
    def exposed(self) -> str:
        """The stage at which strangers see what the app shows."""
        return "10" if self.public else "100"


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The deployment as it runs. ``written`` are files that the app wrote into its release.

    ``certificate`` is what is wrong with the site's, in sentences; the last says what to do.

    ``restarts`` maps a unit to how often it was restarted, and why.
    """

    state: str
    missing: tuple[str, ...] = ()
    interrupted: str | None = None
    choices: tuple[str, ...] = ()
    lost: str | None = None
    restarts: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    release: str | None = None
    written: tuple[str, ...] = ()
    certificate: tuple[str, ...] = ()
    failed: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The app's database and its server. ``prechecks`` are those of the next move.

    ``app`` is the database's name.
    """

    stage: str
    health: Health
    prechecks: tuple[Precheck, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """Facts by area, ``None`` where there are none; ``unseen`` says why.

    ``name`` is the app's, ``state`` the site's.
    """

    name: str | None
    stage: str
    state: str
    machine: MachineFacts
    project: ProjectFacts
    app: AppFacts
    site: SiteFacts | None
    database: DatabaseFacts | None
    unseen: tuple[Unseen, ...]
