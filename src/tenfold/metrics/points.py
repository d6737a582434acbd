"""What of two snapshots in a row is kept as history: a few figures by name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tenfold.metrics.snapshot import Histogram, Snapshot
from tenfold.metrics.traffic import quantile, since

NAMES: Mapping[str, str] = {
    "requests": "answers of the edge per second",
    "errors": "answers of 500 and above per second",
    "p50_ms": "half of the requests took at most that many milliseconds at the edge",
    "p95_ms": "95 of 100 did",
    "p99_ms": "99 of 100 did",
    "app_requests": "answers of the app per second",
    "app_p95_ms": "95 of 100 requests took the app at most that many milliseconds",
    "sent_bytes": "bytes of answers per second",
    "cpu": "processor time of all units, in cores",
    "memory_bytes": "resident memory of all units",
    "machine_cpu": "share of the machine's processors that is in use, by anybody",
    "memory_available_bytes": "memory of the machine that is to be had",
    "disk_free_bytes": "room on the disk with the site's data",
    "database_bytes": "size of the app's database",
    "database_connections": "connections to the database that leads",
    "database_transactions": "transactions per second",
    "database_lag_bytes": "how far the follower that is furthest behind is",
    "database_wal_bytes": "log written per second",
    "redis_memory_bytes": "memory of the data in Redis",
    "units_down": "units that should run and do not",
}
"""Every figure that is kept, and what it means. Those without a value at a moment are left out."""

DOWN = ("backoff", "failed")
Rate = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Point:
    """The figures of one moment, by name."""

    at: float
    values: Mapping[str, float]


def point(before: Snapshot | None, now: Snapshot) -> Point:
    """What there is to keep of ``now``; rates are those since ``before``."""
    values = {**_levels(now), **(_rates(before, now) if before is not None else {})}
    return Point(now.at, values)


def _levels(now: Snapshot) -> dict[str, float]:
    found: dict[str, float] = {
        "memory_bytes": sum(u.memory_bytes for u in now.usage.values()),
        "memory_available_bytes": now.machine.memory_available_bytes,
        "disk_free_bytes": now.machine.disk_free_bytes,
        "units_down": sum(u.state in DOWN for h in now.hosts for u in h.units),
    }
    for leader in (d for d in now.databases if d.up and d.leads):
        found["database_bytes"] = leader.size_bytes
        found["database_connections"] = sum(leader.connections.values())
        if leader.followers:
            found["database_lag_bytes"] = max(f.lag_bytes for f in leader.followers)
    for server in now.redis:
        if "used_memory" in server.fields:
            found["redis_memory_bytes"] = server.fields["used_memory"]
    return found


def _rates(before: Snapshot, now: Snapshot) -> dict[str, float]:
    seconds = now.at - before.at
    if seconds <= 0:  # the clock was set
        return {}

    def rate(new: float, old: float) -> float:
        return max(0.0, new - old) / seconds

    edge, was = now.edge, before.edge
    found = {
        "requests": rate(sum(edge.classes.values()), sum(was.classes.values())),
        "errors": rate(edge.classes.get("5xx", 0), was.classes.get("5xx", 0)),
        "sent_bytes": rate(edge.sent_bytes, was.sent_bytes),
    }
    told = since(edge.histogram, was.histogram)
    for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        found |= _milliseconds(name, quantile(told, share))
    found |= _app(before, now, seconds)
    spent = sum(
        max(0.0, used.cpu_seconds - before.usage[key].cpu_seconds)
        for key, used in now.usage.items()
        if key in before.usage
    )
    found["cpu"] = spent / seconds
    found |= _machine(before, now)
    return found | _database(before, now, rate)


def _app(before: Snapshot, now: Snapshot, seconds: float) -> dict[str, float]:
    old = {(r.method, r.route): r.histogram for r in before.routes}
    counts = [0] * (len(now.edge.histogram.counts))
    for route in now.routes:
        was = old.get((route.method, route.route))
        new = since(route.histogram, was) if was is not None else route.histogram
        counts = [a + b for a, b in zip(counts, new.counts, strict=True)]
    if not now.routes:
        return {}
    together = Histogram(now.edge.histogram.bounds, tuple(counts))
    found = {"app_requests": together.count / seconds}
    return found | _milliseconds("app_p95_ms", quantile(together, 0.95))


def _machine(before: Snapshot, now: Snapshot) -> dict[str, float]:
    spent = {
        mode: max(0.0, now.machine.cpu_seconds[mode] - before.machine.cpu_seconds.get(mode, 0.0))
        for mode in now.machine.cpu_seconds
    }
    total = sum(spent.values())
    idle = spent.get("idle", 0.0) + spent.get("iowait", 0.0)
    return {"machine_cpu": (total - idle) / total} if total > 0 else {}


def _database(before: Snapshot, now: Snapshot, rate: Rate) -> dict[str, float]:
    old = {d.host: d for d in before.databases if d.up and d.leads}
    for leader in (d for d in now.databases if d.up and d.leads and d.host in old):
        was = old[leader.host]
        done = ("xact_commit", "xact_rollback")
        return {
            "database_transactions": rate(
                sum(leader.counters.get(n, 0) for n in done),
                sum(was.counters.get(n, 0) for n in done),
            ),
            "database_wal_bytes": rate(leader.wal_bytes, was.wal_bytes),
        }
    return {}


def _milliseconds(name: str, seconds: float | None) -> dict[str, float]:
    return {} if seconds is None else {name: round(seconds * 1000, 3)}
