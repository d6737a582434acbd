"""What is looked at, as frozen values: one per area. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.doctor.model import Unseen
from tenfold.engines.postgresql.checks import Finding as Precheck
from tenfold.engines.postgresql.external import Address as DatabaseAddress
from tenfold.engines.postgresql.external import Facts as DatabaseSeen
from tenfold.engines.postgresql.external_health import Examined
from tenfold.engines.postgresql.health import Health
from tenfold.engines.redis.external import Address as RedisAddress
from tenfold.engines.redis.external import Facts as RedisSeen
from tenfold.spec.detect.django import Django
from tenfold.spec.detect.project import Module, Project
from tenfold.spec.redis import RedisTable
from tenfold.spec.workers import WorkerTable


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """This machine, as far as the app depends on it. Sizes in bytes, times in seconds.

    ``engines`` are what is missing to run PostgreSQL and nginx, each with what to do. ``clock`` is
    whether the kernel says that somebody keeps it right, ``None`` if it does not say. ``newest`` is
    when the last release was built, ``listens`` why the edge could not listen where it is to.
    ``newer`` are wheels of engines of which there is a newer version: name, has, there is.
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
    newer: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """The project's folder. ``problems`` are what its ``tenfold.toml`` is refused for.

    ``without_app`` tells that the file has a static site alone. ``command`` is the one that serves,
    where one does, and ``lacking`` what it needs and is not
    there, with what to do. ``costs`` are what the app's server cannot give, in sentences.

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
    command: str | None = None
    without_app: bool = False
    lacking: tuple[str, str] | None = None
    costs: tuple[str, ...] = ()
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
        own_database: that is the user's own.
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
    own_database: bool = False
    sql: Mapping[str, str] = field(default_factory=dict)

    def at(self, module: Module, node: Any) -> str:
        """``conduit/main.py:12``."""
        return self.project.shown(module.path, getattr(node, "lineno", None))

    def mentioning(self, *words: str) -> Iterator[Module]:
        """The modules in whose text one of the words is; the others need not be walked."""
        yield from (m for m in self.modules if any(word in m.text for word in words))

    @property
    def copies(self) -> str:
        """The stage at which there are several copies of what lives in a process's memory."""
        return "10" if self.workers > 1 else "1k"

    @property
    def exposed(self) -> str:
        """The stage at which strangers see what the app shows."""
        return "10" if self.public else "100"


@dataclass(frozen=True, slots=True)
class WorkersFacts:
    """The background workers, as ``[workers]`` declares them.

    ``lacking`` says of a worker what its command needs and is not there, and what to do. ``found``
    are those that the source speaks of: name, command and place.
    """

    app: AppFacts
    workers: Mapping[str, WorkerTable] = field(default_factory=dict)
    lacking: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    found: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """The Redis-compatible server that ``[redis]`` asks for, or names.

    Attributes:
        app: the source.
        table: as declared; ``None`` where nothing is.
        brokered: the workers that take their jobs from it.
        given: ``REDIS_URL`` comes from elsewhere: ``[env]``, ``.env``, a secret.
        address: where it is, if that is known.
        seen: what it says of itself; ``None`` if it was not asked, or does not answer.
        silent: why it does not answer.
        dated: what is wrong with the program that Tenfold would run.
    """

    app: AppFacts
    table: RedisTable | None = None
    brokered: tuple[str, ...] = ()
    given: bool = False
    address: RedisAddress | None = None
    seen: RedisSeen | None = None
    silent: str | None = None
    dated: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is the user's."""
        return self.table is not None and self.table.url is not None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The deployment as it runs. ``written`` are files that the app wrote into its release.

    ``certificate`` is what is wrong with the site's, in sentences; the last says what to do.
    ``backups`` is what is wrong with those, ``authority`` which of the certificates end by which
    etcd, Patroni and whoever asks them know each other.

    ``restarts`` maps a unit to how often it was restarted, and why. ``jobs`` are those that do not
    go well, in sentences, ``behind`` engines that do not run what is installed.
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
    authority: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    failed: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The app's database and its server. ``prechecks`` are those of the next move.

    ``own``: it is the user's, which Tenfold neither runs nor moves.
    """

    stage: str
    health: Health
    prechecks: tuple[Precheck, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class ExternalFacts:
    """A database of the user's own.

    ``seen`` is what it says of itself, ``None`` if it does not answer, and then ``silent`` says
    why. ``problems`` are what keeps an app from living on it, each with what to do. ``examined`` is
    how it is run, as far as that could be seen.
    """

    address: DatabaseAddress
    seen: DatabaseSeen | None = None
    silent: tuple[str, str] | None = None
    problems: tuple[tuple[str, str], ...] = ()
    examined: Examined | None = None


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
    workers: WorkersFacts | None
    redis: RedisFacts | None
    site: SiteFacts | None
    external: ExternalFacts | None
    database: DatabaseFacts | None
    unseen: tuple[Unseen, ...]
