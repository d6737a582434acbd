"""Everything that was gathered at one moment: frozen values, free of how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenfold.metrics.alerts.alert import Alert
from tenfold.topology.observation import ObservedHost


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long requests took: ``counts[i]`` took at most ``bounds[i]`` seconds and longer than the
    bound before, the last one longer than all. ``seconds`` is their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Route:
    """Requests of one method and route template since this began; ``classes`` by ``2xx``."""

    method: str
    route: str
    classes: Mapping[str, int]
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge answered since the gatherer began, the app's answers and its own."""

    classes: Mapping[str, int]
    histogram: Histogram
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """The processes of one unit or pool: ``memory_bytes`` is what they have resident, shared pages
    counted for each."""

    processes: int
    cpu_seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the gatherer runs on, and the disk that the site's data is on."""

    cpu_seconds: Mapping[str, float]
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


@dataclass(frozen=True, slots=True)
class Follower:
    """One that streams from this server, by its application name. ``in_sync``: commits wait for it,
    and it has all of them."""

    name: str
    state: str
    lag_bytes: int
    in_sync: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot; ``retained_bytes`` is the log that is kept for it."""

    name: str
    active: bool
    retained_bytes: int
    status: str
    safe_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One kind of statement, without the values in it."""

    id: str
    query: str
    calls: int
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class Database:
    """One PostgreSQL server. Counters are those of the server; ``waits``: its commits are to wait
    for a follower. With ``up`` false only ``why`` is known."""

    host: str
    up: bool
    why: str = ""
    leads: bool = False
    connections: Mapping[str, int] = field(default_factory=dict)
    max_connections: int = 0
    size_bytes: int = 0
    counters: Mapping[str, float] = field(default_factory=dict)
    wal_bytes: int = 0
    wal_kept_bytes: int = 0
    oldest_transaction_seconds: float = 0.0
    replay_lag_seconds: float = 0.0
    waits: bool = False
    archives: bool = False
    archived: int = 0
    archive_failed: int = 0
    archived_at: float = 0.0
    archive_failed_at: float = 0.0
    followers: tuple[Follower, ...] = ()
    slots: tuple[Slot, ...] = ()
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis-compatible server, by the fields of its INFO."""

    host: str
    up: bool
    fields: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What visitors are shown. ``failures`` to get another one since the last success."""

    not_after: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Backup:
    """What the keeper of backups beside one database remembers. Times in seconds since the epoch, 0
    for never; a fault is in words, empty where there is none."""

    host: str
    leads: bool
    recoverable_at: float = 0.0
    copied_at: float = 0.0
    waiting: int = 0
    archive_fault: str = ""
    failing_since: float = 0.0
    copy_fault: str = ""
    check_fault: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A scheduled job. ``bad_runs`` have not ended well in a row, the last of them as ``outcome``
    says; ``ended_at``, in seconds since the epoch, is when a run last ended, 0 for never."""

    host: str
    name: str
    bad_runs: int = 0
    outcome: str = ""
    code: int | None = None
    ended_at: float = 0.0
    seconds: float = 0.0
    running: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``at`` is in seconds since the epoch. ``usage`` is keyed by host and unit or pool. ``etcd``
    are the hosts that are to have a member of it, ``members`` those of databases in Patroni's care.
    """

    at: float
    app: str
    stage: str
    release: str
    transition: str
    hosts: tuple[ObservedHost, ...]
    edge: Edge
    routes: tuple[Route, ...]
    usage: Mapping[tuple[str, str], Usage]
    machine: Machine
    databases: tuple[Database, ...] = ()
    redis: tuple[Redis, ...] = ()
    certificate: Certificate | None = None
    backups: tuple[Backup, ...] = ()
    jobs: tuple[Job, ...] = ()
    etcd: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    history_bytes: int = 0
    history_lost: int = 0
    took_seconds: float = 0.0
    alerts: tuple[Alert, ...] = ()
