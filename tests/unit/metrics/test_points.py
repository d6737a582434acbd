from __future__ import annotations

from dataclasses import replace

from tests.unit.metrics.snapshots import AT, database, histogram, snapshot, units

from tenfold.metrics.points import NAMES, point
from tenfold.metrics.snapshot import Edge, Machine, Usage
from tenfold.topology.observation import ObservedHost

GIB = 1 << 30


def test_the_first_round_knows_levels_and_no_rates() -> None:
    found = point(None, snapshot()).values
    assert found["disk_free_bytes"] == 50 * GIB
    assert found["database_connections"] == 7
    assert found["database_lag_bytes"] == 64
    assert "requests" not in found


def test_rates_are_those_of_the_time_between() -> None:
    before = snapshot()
    now = snapshot(
        AT + 10,
        edge=Edge({"2xx": 180, "5xx": 20}, histogram(50, 140, 10), 1000, 19_000),
        usage={("vm1", "app"): Usage(2, 15.0, GIB)},
        machine=Machine({"user": 55.0, "idle": 165.0}, 4 * GIB, GIB, 100 * GIB, 50 * GIB),
        databases=(
            database(counters={"xact_commit": 200.0, "xact_rollback": 1.0}, wal_bytes=3000),
        ),
    )
    found = point(before, now).values
    assert found["requests"] == 10.0
    assert found["errors"] == 1.0
    assert found["sent_bytes"] == 1000.0
    assert found["p95_ms"] == 2.0
    assert found["cpu"] == 0.5
    assert found["machine_cpu"] == 0.25
    assert found["database_transactions"] == 10.0
    assert found["database_wal_bytes"] == 200.0


def test_nothing_is_negative_when_counters_begin_anew_or_the_clock_goes_back() -> None:
    lower = snapshot(
        AT + 10, edge=Edge({"2xx": 1}, histogram(1)), usage={("vm1", "x"): Usage(1, 0, 0)}
    )
    assert all(value >= 0 for value in point(snapshot(), lower).values.values())
    assert "requests" not in point(snapshot(AT + 99), snapshot(AT)).values


def test_another_leader_is_no_jump() -> None:
    before = snapshot(databases=(database(wal_bytes=10**9),))
    now = snapshot(AT + 10, databases=(database(host="db1", wal_bytes=10**12),))
    assert "database_wal_bytes" not in point(before, now).values


def test_units_that_crash_are_counted() -> None:
    host = ObservedHost("vm1", "127.0.0.2", "running", units=units(app="backoff", mail="failed"))
    assert point(None, replace(snapshot(), hosts=(host,))).values["units_down"] == 2


def test_every_figure_has_a_meaning() -> None:
    later = snapshot(
        AT + 10, edge=Edge({"2xx": 200}, histogram(90, 90, 20)), routes=snapshot().routes
    )
    assert set(point(snapshot(), later).values) <= set(NAMES)
