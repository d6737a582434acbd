"""Databases and Redis as Prometheus reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.metrics_core import Metric

from tenfold.metrics.families import counters, gauges
from tenfold.metrics.snapshot import Database, Snapshot

_GAUGES: Sequence[tuple[str, str, Callable[[Database], float]]] = (
    ("leads", "Whether it accepts writes.", lambda d: float(d.leads)),
    ("max_connections", "How many connections it takes.", lambda d: d.max_connections),
    ("database_bytes", "The app's database.", lambda d: d.size_bytes),
    ("wal_kept_bytes", "The log on its disk.", lambda d: d.wal_kept_bytes),
    (
        "oldest_transaction_seconds",
        "The age of the oldest open transaction.",
        lambda d: d.oldest_transaction_seconds,
    ),
    (
        "replay_lag_seconds",
        "Of a follower: the age of what it replayed last; 0 where it has all.",
        lambda d: d.replay_lag_seconds,
    ),
    ("archives", "Whether it has an archive.", lambda d: float(d.archives)),
    ("archived_timestamp_seconds", "When it archived last.", lambda d: d.archived_at),
)
_COUNTERS: Sequence[tuple[str, str, Callable[[Database], float]]] = (
    ("wal_bytes", "Log written, or replayed by a follower.", lambda d: d.wal_bytes),
    ("archived_segments", "Segments of the log that were archived.", lambda d: d.archived),
    ("archive_failures", "Failed attempts to archive one.", lambda d: d.archive_failed),
)


def databases(s: Snapshot) -> Iterator[Metric]:
    """Whether they answer, and what they count."""
    yield gauges(
        "tenfold_postgresql_up",
        "Whether the server lets us in.",
        ("host",),
        [((d.host,), float(d.up)) for d in s.databases],
    )
    up = [d for d in s.databases if d.up]
    for name, text, value in _GAUGES:
        yield gauges(
            f"tenfold_postgresql_{name}", text, ("host",), [((d.host,), value(d)) for d in up]
        )
    for name, text, value in _COUNTERS:
        yield counters(
            f"tenfold_postgresql_{name}", text, ("host",), [((d.host,), value(d)) for d in up]
        )
    yield gauges(
        "tenfold_postgresql_connections",
        "Connections of clients, by state.",
        ("host", "state"),
        [((d.host, state), float(n)) for d in up for state, n in d.connections.items()],
    )
    yield counters(
        "tenfold_postgresql_activity",
        "What pg_stat_database counts of the app's database, and its checkpoints.",
        ("host", "name"),
        [((d.host, name), n) for d in up for name, n in d.counters.items()],
    )


def replication(s: Snapshot) -> Iterator[Metric]:
    """Followers and slots."""
    up = [d for d in s.databases if d.up]
    yield gauges(
        "tenfold_postgresql_follower_lag_bytes",
        "How far a follower is behind.",
        ("host", "follower", "state"),
        [((d.host, f.name, f.state), float(f.lag_bytes)) for d in up for f in d.followers],
    )
    slots = [(d.host, slot) for d in up for slot in d.slots]
    yield gauges(
        "tenfold_postgresql_slot_retained_bytes",
        "The log that is kept for a replication slot.",
        ("host", "slot", "status"),
        [((host, slot.name, slot.status), float(slot.retained_bytes)) for host, slot in slots],
    )
    yield gauges(
        "tenfold_postgresql_slot_active",
        "Whether somebody uses it.",
        ("host", "slot"),
        [((host, slot.name), float(slot.active)) for host, slot in slots],
    )


def statements(s: Snapshot) -> Iterator[Metric]:
    """The most expensive ones."""
    labels = ("host", "id", "query")
    rows = [(d.host, st) for d in s.databases for st in d.statements]
    for name, text, value in (
        ("calls", "How often a statement ran.", lambda st: float(st.calls)),
        ("seconds", "How long all its runs took.", lambda st: st.seconds),
        ("rows", "Rows that it gave or changed.", lambda st: float(st.rows)),
    ):
        yield counters(
            f"tenfold_postgresql_statement_{name}",
            f"{text} Only the most expensive ones.",
            labels,
            [((host, st.id, st.query), value(st)) for host, st in rows],
        )


_REDIS_COUNTERS = (
    ("total_commands_processed", "commands", "Commands."),
    ("expired_keys", "expired_keys", "Keys whose time was over."),
    ("evicted_keys", "evicted_keys", "Keys that had to go for want of memory."),
    ("keyspace_hits", "hits", "Keys that were asked for and there."),
    ("keyspace_misses", "misses", "Keys that were asked for and not there."),
    ("rejected_connections", "rejected_connections", "Connections that were one too many."),
)
_REDIS_GAUGES = (
    ("connected_clients", "clients", "Connections."),
    ("blocked_clients", "blocked_clients", "Connections that wait, as for a job."),
    ("used_memory", "memory_bytes", "Memory of its data."),
    ("maxmemory", "max_memory_bytes", "What it may take."),
    ("keys", "keys", "Keys."),
    ("rdb_last_bgsave_status", "snapshot_ok", "Whether the last snapshot was written."),
    ("aof_last_write_status", "log_ok", "Whether its log could be written."),
)


def redis(s: Snapshot) -> Iterator[Metric]:
    """Of the server that Tenfold runs."""
    up = [((r.host,), float(r.up)) for r in s.redis]
    yield gauges("tenfold_redis_up", "Whether the server answers.", ("host",), up)
    for source, name, text in _REDIS_GAUGES:
        rows = [((r.host,), r.fields[source]) for r in s.redis if source in r.fields]
        yield gauges(f"tenfold_redis_{name}", text, ("host",), rows)
    for source, name, text in _REDIS_COUNTERS:
        rows = [((r.host,), r.fields[source]) for r in s.redis if source in r.fields]
        yield counters(f"tenfold_redis_{name}", text, ("host",), rows)
