"""A snapshot as Prometheus reads it. Pure; the text itself is prometheus-client's.

How many series there are depends on the app's own routing and on the topology, never on what
visitors ask for: routes are those of :mod:`.traffic`, statements the :data:`.database.STATEMENTS`
most expensive ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tenfold import __version__
from tenfold.metrics.snapshot import Database, Histogram, Snapshot

Row = tuple[Sequence[str], float]


class Families(Collector):
    """Shows what was gathered last: to ask often costs the site nothing."""

    def __init__(self, latest: Callable[[], Snapshot | None]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[Metric]:
        """Every family; nothing before the first round."""
        snapshot = self._latest()
        if snapshot is not None:
            for part in _PARTS:
                yield from part(snapshot)


def _site(s: Snapshot) -> Iterator[Metric]:
    info = InfoMetricFamily("tenfold_site", "What is served, and by which Tenfold.")
    told = {"app": s.app, "stage": s.stage, "release": s.release, "version": __version__}
    info.add_metric([], told)
    yield info
    yield _gauge("tenfold_gathered_timestamp_seconds", "When these figures were gathered.", s.at)
    yield _gauge("tenfold_gathering_seconds", "How long that took.", s.took_seconds)
    yield _gauges(
        "tenfold_transition_in_progress",
        "1 while a command changes the site, or was cut off in it.",
        ("kind",),
        [((s.transition,), 1.0)] if s.transition else [],
    )
    yield _gauge("tenfold_history_bytes", "The size of the kept history.", s.history_bytes)
    yield _counter(
        "tenfold_history_lost_points", "Rounds that the history could not take.", s.history_lost
    )


def _hosts(s: Snapshot) -> Iterator[Metric]:
    yield _gauges(
        "tenfold_agent_up",
        "Whether the agent of a host answers.",
        ("host",),
        [((h.name,), float(h.agent == "running")) for h in s.hosts],
    )
    counts: dict[tuple[str, ...], float] = {}
    restarts: dict[tuple[str, ...], float] = {}
    for host in s.hosts:
        for unit in host.units:
            name = unit.pool or unit.name
            key = (host.name, name, unit.engine, unit.state)
            counts[key] = counts.get(key, 0.0) + 1
            restarts[host.name, name] = restarts.get((host.name, name), 0.0) + unit.restarts
    yield _gauges(
        "tenfold_units",
        "Processes that the agents watch, by state.",
        ("host", "unit", "engine", "state"),
        counts.items(),
    )
    yield _gauges(
        "tenfold_unit_restarts",
        "Restarts after crashes of the processes that there are now.",
        ("host", "unit"),
        restarts.items(),
    )
    held = [((h.name, pool), 1.0) for h in s.hosts for pool, _ in h.held]
    yield _gauges("tenfold_pool_held", "1 while requests wait.", ("host", "pool"), held)


def _usage(s: Snapshot) -> Iterator[Metric]:
    labels = ("host", "unit")
    used = s.usage.items()
    yield _counters(
        "tenfold_unit_cpu_seconds",
        "Processor time of a unit's processes.",
        labels,
        [(key, u.cpu_seconds) for key, u in used],
    )
    yield _gauges(
        "tenfold_unit_memory_bytes",
        "Resident memory of a unit's processes; shared pages count for each.",
        labels,
        [(key, float(u.memory_bytes)) for key, u in used],
    )
    yield _gauges(
        "tenfold_unit_processes",
        "Processes of a unit.",
        labels,
        [(key, float(u.processes)) for key, u in used],
    )
    m = s.machine
    yield _counters(
        "tenfold_machine_cpu_seconds",
        "Processor time of the machine.",
        ("mode",),
        [((mode,), seconds) for mode, seconds in m.cpu_seconds.items()],
    )
    yield _gauge("tenfold_machine_memory_bytes", "Memory.", m.memory_bytes)
    yield _gauge(
        "tenfold_machine_memory_available_bytes", "Memory to be had.", m.memory_available_bytes
    )
    yield _gauge("tenfold_disk_bytes", "The disk with the site's data.", m.disk_bytes)
    yield _gauge("tenfold_disk_free_bytes", "What is free of it.", m.disk_free_bytes)


def _edge(s: Snapshot) -> Iterator[Metric]:
    yield _counters(
        "tenfold_edge_requests",
        "Answers of the edge, the app's and its own; 0xx: the client left before.",
        ("code",),
        [((code,), float(n)) for code, n in sorted(s.edge.classes.items())],
    )
    yield _histograms(
        "tenfold_edge_request_duration_seconds",
        "From the first byte of a request to the last of its answer.",
        (),
        [((), s.edge.histogram)],
    )
    yield _counter("tenfold_edge_received_bytes", "Of requests.", s.edge.received_bytes)
    yield _counter("tenfold_edge_sent_bytes", "Of answers.", s.edge.sent_bytes)


def _app(s: Snapshot) -> Iterator[Metric]:
    yield _counters(
        "tenfold_app_requests",
        "Answers of the app, by the route template that it has itself.",
        ("method", "route", "code"),
        [
            ((r.method, r.route, code), float(count))
            for r in s.routes
            for code, count in sorted(r.classes.items())
        ],
    )
    yield _histograms(
        "tenfold_app_request_duration_seconds",
        "How long the app took.",
        ("method", "route"),
        [((r.method, r.route), r.histogram) for r in s.routes],
    )


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


def _databases(s: Snapshot) -> Iterator[Metric]:
    yield _gauges(
        "tenfold_postgresql_up",
        "Whether the server lets us in.",
        ("host",),
        [((d.host,), float(d.up)) for d in s.databases],
    )
    up = [d for d in s.databases if d.up]
    for name, text, value in _GAUGES:
        yield _gauges(
            f"tenfold_postgresql_{name}", text, ("host",), [((d.host,), value(d)) for d in up]
        )
    for name, text, value in _COUNTERS:
        yield _counters(
            f"tenfold_postgresql_{name}", text, ("host",), [((d.host,), value(d)) for d in up]
        )
    yield _gauges(
        "tenfold_postgresql_connections",
        "Connections of clients, by state.",
        ("host", "state"),
        [((d.host, state), float(n)) for d in up for state, n in d.connections.items()],
    )
    yield _counters(
        "tenfold_postgresql_activity",
        "What pg_stat_database counts of the app's database, and its checkpoints.",
        ("host", "name"),
        [((d.host, name), n) for d in up for name, n in d.counters.items()],
    )


def _replication(s: Snapshot) -> Iterator[Metric]:
    up = [d for d in s.databases if d.up]
    yield _gauges(
        "tenfold_postgresql_follower_lag_bytes",
        "How far a follower is behind.",
        ("host", "follower", "state"),
        [((d.host, f.name, f.state), float(f.lag_bytes)) for d in up for f in d.followers],
    )
    slots = [(d.host, slot) for d in up for slot in d.slots]
    yield _gauges(
        "tenfold_postgresql_slot_retained_bytes",
        "The log that is kept for a replication slot.",
        ("host", "slot", "status"),
        [((host, slot.name, slot.status), float(slot.retained_bytes)) for host, slot in slots],
    )
    yield _gauges(
        "tenfold_postgresql_slot_active",
        "Whether somebody uses it.",
        ("host", "slot"),
        [((host, slot.name), float(slot.active)) for host, slot in slots],
    )


def _statements(s: Snapshot) -> Iterator[Metric]:
    labels = ("host", "id", "query")
    rows = [(d.host, st) for d in s.databases for st in d.statements]
    for name, text, value in (
        ("calls", "How often a statement ran.", lambda st: float(st.calls)),
        ("seconds", "How long all its runs took.", lambda st: st.seconds),
        ("rows", "Rows that it gave or changed.", lambda st: float(st.rows)),
    ):
        yield _counters(
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


def _redis(s: Snapshot) -> Iterator[Metric]:
    up = [((r.host,), float(r.up)) for r in s.redis]
    yield _gauges("tenfold_redis_up", "Whether the server answers.", ("host",), up)
    for source, name, text in _REDIS_GAUGES:
        rows = [((r.host,), r.fields[source]) for r in s.redis if source in r.fields]
        yield _gauges(f"tenfold_redis_{name}", text, ("host",), rows)
    for source, name, text in _REDIS_COUNTERS:
        rows = [((r.host,), r.fields[source]) for r in s.redis if source in r.fields]
        yield _counters(f"tenfold_redis_{name}", text, ("host",), rows)


def _certificate(s: Snapshot) -> Iterator[Metric]:
    if s.certificate is not None:
        yield _gauge(
            "tenfold_certificate_not_after_timestamp_seconds",
            "When the site's certificate ends.",
            s.certificate.not_after,
        )
        yield _gauge(
            "tenfold_certificate_failures",
            "Failed attempts at another certificate since the last success.",
            s.certificate.failures,
        )


def _backups(s: Snapshot) -> Iterator[Metric]:
    for name, text, value in (
        ("recoverable_timestamp_seconds", "The newest moment in the archive.", "recoverable_at"),
        ("copied_timestamp_seconds", "When the last whole copy was done.", "copied_at"),
        ("waiting_segments", "Segments of the log that wait to be archived.", "waiting"),
    ):
        rows = [((b.host,), float(getattr(b, value))) for b in s.backups]
        yield _gauges(f"tenfold_backup_{name}", text, ("host",), rows)


def _alerts(s: Snapshot) -> Iterator[Metric]:
    yield _gauges(
        "tenfold_alert_firing",
        "1 for what was told and is not over.",
        ("alert", "where"),
        [((a.alert, a.subject), 1.0) for a in s.alerts],
    )


_PARTS = (
    _alerts,
    _backups,
    _site,
    _hosts,
    _usage,
    _edge,
    _app,
    _databases,
    _replication,
    _statements,
    _redis,
    _certificate,
)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=float(value))


def _gauges(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family


def _counters(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family


def _histograms(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in rows:
        sums = list(accumulate(histogram.counts))
        bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
        family.add_metric(
            values, list(zip(bounds, map(float, sums), strict=True)), histogram.seconds
        )
    return family
