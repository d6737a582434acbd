"""Snapshots as a small site gives them."""

from __future__ import annotations

from typing import Any

from tenfold.metrics.snapshot import (
    Certificate,
    Database,
    Edge,
    Follower,
    Histogram,
    Machine,
    Redis,
    Route,
    Slot,
    Snapshot,
    Statement,
    Usage,
)
from tenfold.metrics.traffic import BOUNDS
from tenfold.topology.observation import ObservedHost, ObservedUnit

AT = 1_764_000_000.0
GIB = 1 << 30


def histogram(*counts: int, seconds: float = 0.0) -> Histogram:
    return Histogram(BOUNDS, counts + (0,) * (len(BOUNDS) + 1 - len(counts)), seconds)


def units(**states: Any) -> tuple[ObservedUnit, ...]:
    engines = {"postgres": "postgresql", "edge": "nginx", "app": "uvicorn"}
    return tuple(
        ObservedUnit(name, engines.get(name, "worker"), state, pid=7)
        for name, state in {
            "postgres": "running",
            "edge": "running",
            "app": "running",
            **states,
        }.items()
    )


def database(**changes: Any) -> Database:
    told: dict[str, Any] = {
        "host": "vm1",
        "up": True,
        "leads": True,
        "connections": {"active": 2, "idle": 5},
        "max_connections": 100,
        "size_bytes": 8_000_000,
        "counters": {"xact_commit": 100.0, "xact_rollback": 1.0},
        "wal_bytes": 1000,
        "followers": (Follower("db1", "streaming", 64),),
        "slots": (Slot("tenfold_2", True, 64, "reserved"),),
        "statements": (Statement("-1", 'select "x" from t where y = $1', 3, 0.5, 9),),
    }
    return Database(**{**told, **changes})


def snapshot(at: float = AT, **changes: Any) -> Snapshot:
    told: dict[str, Any] = {
        "at": at,
        "app": "shop",
        "stage": "10",
        "release": "4f2c1d9",
        "transition": "",
        "hosts": (ObservedHost("vm1", "127.0.0.2", "running", 5, units=units()),),
        "edge": Edge({"2xx": 90, "5xx": 10}, histogram(50, 40, 10, seconds=0.3), 1000, 9000),
        "routes": (Route("GET", "/notes/{id}", {"2xx": 90}, histogram(80, 10, seconds=0.1)),),
        "usage": {("vm1", "app"): Usage(2, 10.0, GIB)},
        "machine": Machine({"user": 50.0, "idle": 150.0}, 4 * GIB, 2 * GIB, 100 * GIB, 50 * GIB),
        "databases": (database(),),
        "redis": (Redis("vm1", True, {"used_memory": 1e6, "keys": 3.0}),),
        "certificate": Certificate(AT + 86_400 * 60),
    }
    return Snapshot(**{**told, **changes})
