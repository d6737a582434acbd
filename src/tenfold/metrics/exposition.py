"""A snapshot as Prometheus reads it. Pure; the text itself is prometheus-client's.

How many series there are depends on the app's own routing and on the topology, never on what
visitors ask for: routes are those of :mod:`.traffic`, statements the :data:`.database.STATEMENTS`
most expensive ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tenfold import __version__
from tenfold.metrics import engines
from tenfold.metrics.families import counter, counters, gauge, gauges, histograms
from tenfold.metrics.snapshot import Snapshot


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
    yield gauge("tenfold_gathered_timestamp_seconds", "When these figures were gathered.", s.at)
    yield gauge("tenfold_gathering_seconds", "How long that took.", s.took_seconds)
    yield gauges(
        "tenfold_transition_in_progress",
        "1 while a command changes the site, or was cut off in it.",
        ("kind",),
        [((s.transition,), 1.0)] if s.transition else [],
    )
    yield gauge("tenfold_history_bytes", "The size of the kept history.", s.history_bytes)
    yield counter(
        "tenfold_history_lost_points", "Rounds that the history could not take.", s.history_lost
    )


def _hosts(s: Snapshot) -> Iterator[Metric]:
    yield gauges(
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
    yield gauges(
        "tenfold_units",
        "Processes that the agents watch, by state.",
        ("host", "unit", "engine", "state"),
        counts.items(),
    )
    yield gauges(
        "tenfold_unit_restarts",
        "Restarts after crashes of the processes that there are now.",
        ("host", "unit"),
        restarts.items(),
    )
    held = [((h.name, pool), 1.0) for h in s.hosts for pool, _ in h.held]
    yield gauges("tenfold_pool_held", "1 while requests wait.", ("host", "pool"), held)


def _usage(s: Snapshot) -> Iterator[Metric]:
    labels = ("host", "unit")
    used = s.usage.items()
    yield counters(
        "tenfold_unit_cpu_seconds",
        "Processor time of a unit's processes.",
        labels,
        [(key, u.cpu_seconds) for key, u in used],
    )
    yield gauges(
        "tenfold_unit_memory_bytes",
        "Resident memory of a unit's processes; shared pages count for each.",
        labels,
        [(key, float(u.memory_bytes)) for key, u in used],
    )
    yield gauges(
        "tenfold_unit_processes",
        "Processes of a unit.",
        labels,
        [(key, float(u.processes)) for key, u in used],
    )
    m = s.machine
    yield counters(
        "tenfold_machine_cpu_seconds",
        "Processor time of the machine.",
        ("mode",),
        [((mode,), seconds) for mode, seconds in m.cpu_seconds.items()],
    )
    yield gauge("tenfold_machine_memory_bytes", "Memory.", m.memory_bytes)
    yield gauge(
        "tenfold_machine_memory_available_bytes", "Memory to be had.", m.memory_available_bytes
    )
    yield gauge("tenfold_disk_bytes", "The disk with the site's data.", m.disk_bytes)
    yield gauge("tenfold_disk_free_bytes", "What is free of it.", m.disk_free_bytes)


def _edge(s: Snapshot) -> Iterator[Metric]:
    yield counters(
        "tenfold_edge_requests",
        "Answers of the edge, the app's and its own; 0xx: the client left before.",
        ("code",),
        [((code,), float(n)) for code, n in sorted(s.edge.classes.items())],
    )
    yield histograms(
        "tenfold_edge_request_duration_seconds",
        "From the first byte of a request to the last of its answer.",
        (),
        [((), s.edge.histogram)],
    )
    yield counter("tenfold_edge_received_bytes", "Of requests.", s.edge.received_bytes)
    yield counter("tenfold_edge_sent_bytes", "Of answers.", s.edge.sent_bytes)


def _app(s: Snapshot) -> Iterator[Metric]:
    yield counters(
        "tenfold_app_requests",
        "Answers of the app, by the route template that it has itself.",
        ("method", "route", "code"),
        [
            ((r.method, r.route, code), float(count))
            for r in s.routes
            for code, count in sorted(r.classes.items())
        ],
    )
    yield histograms(
        "tenfold_app_request_duration_seconds",
        "How long the app took.",
        ("method", "route"),
        [((r.method, r.route), r.histogram) for r in s.routes],
    )


def _certificate(s: Snapshot) -> Iterator[Metric]:
    if s.certificate is not None:
        yield gauge(
            "tenfold_certificate_not_after_timestamp_seconds",
            "When the site's certificate ends.",
            s.certificate.not_after,
        )
        yield gauge(
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
        yield gauges(f"tenfold_backup_{name}", text, ("host",), rows)


def _jobs(s: Snapshot) -> Iterator[Metric]:
    for name, text, value in (
        ("bad_runs", "Runs in a row that did not end well.", "bad_runs"),
        ("ended_timestamp_seconds", "When a run of the job last ended.", "ended_at"),
        ("run_seconds", "How long that run took.", "seconds"),
        ("running", "Runs that go on.", "running"),
    ):
        rows = [((j.host, j.name), float(getattr(j, value))) for j in s.jobs]
        yield gauges(f"tenfold_job_{name}", text, ("host", "job"), rows)


def _alerts(s: Snapshot) -> Iterator[Metric]:
    yield gauges(
        "tenfold_alert_firing",
        "1 for what was told and is not over.",
        ("alert", "where"),
        [((a.alert, a.subject), 1.0) for a in s.alerts],
    )


_PARTS = (
    _alerts,
    _backups,
    _jobs,
    _site,
    _hosts,
    _usage,
    _edge,
    _app,
    engines.databases,
    engines.replication,
    engines.statements,
    engines.redis,
    _certificate,
)
