"""Reports as transitions leave them, with a log as the edge writes it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from tenfold.observe.report.model import HoldTaken, Report, StepTaken
from tenfold.observe.report.waits import measure

BEGAN = 1_795_620_612.0
POOL = "app1/app"

STEPS = (
    ("EnsureHost", "start host db1", 0.0, 1.31),
    ("Check", "check that db1/postgres can take over from vm1/postgres", 1.31, 0.22),
    ("EnsureSlot", "have vm1/postgres keep its log for node 2", 1.53, 0.02),
    ("StartUnit", "start db1/postgres", 1.55, 22.4),
    ("CatchUp", "wait until db1/postgres has caught up with vm1/postgres", 23.95, 0.31),
    (
        "Verify",
        "compare db1/postgres with vm1/postgres: schema, rows, checksums",
        24.26,
        4.02,
    ),
    ("StartUnit", "start app1/database", 28.28, 0.12),
    ("WarmPool", "warm 3 units of app1/app with release 4f2c1d9", 28.4, 1.35),
    ("Checkpoint", "write a checkpoint on vm1/postgres and db1/postgres", 29.75, 0.4),
    ("Settle", "let idle connections to app1/app run out", 30.15, 2.2),
    ("Hold", "let requests wait in front of app1/app, finish those in hand", 32.35, 0.016),
    ("Fence", "fence vm1/postgres: it accepts no write any more", 32.366, 0.058),
    ("AwaitLast", "see that db1/postgres has everything that vm1/postgres wrote", 32.424, 0.009),
    ("Promote", "let db1/postgres lead", 32.433, 0.026),
    ("Handover", "hand app1/app over to release 4f2c1d9", 32.459, 0.31),
    ("EnsureSlot", "have db1/postgres keep its log for node 1", 32.769, 0.01),
    ("Follow", "let vm1/postgres follow db1/postgres", 32.779, 0.9),
    ("PrepareDatabase", "prepare roles and database on db1/postgres", 33.679, 0.21),
)

CHECKS = (
    ("version", "fine", "both are PostgreSQL 18.6", "18.6 and 18.6", ""),
    ("room", "fine", "812 MB fit", "41.2 GB are free on db1", ""),
    (
        "unlogged",
        "warn",
        "1 table is unlogged and will be empty on db1",
        "public.session_cache",
        "ALTER TABLE public.session_cache SET LOGGED, or accept it",
    ),
    ("checksums", "fine", "data checksums are on", "", ""),
)


def line(ended: float, seconds: float, status: int = 200, **more: object) -> str:
    """One line of the edge's access log."""
    return json.dumps(
        {
            "time": "2026-11-25T15:30:12+00:00",
            "ended": round(ended, 3),
            "id": "6f2a",
            "client": "127.0.0.1",
            "method": "GET",
            "host": "bakery.example",
            "path": "/bread/1",
            "protocol": "HTTP/1.1",
            "status": status,
            "received_bytes": 412,
            "sent_bytes": 5120,
            "seconds": round(seconds, 3),
            "app_seconds": round(seconds, 3),
            "agent": "Mozilla/5.0",
            **more,
        }
    )


def log(hold: HoldTaken, *, began: float, seconds: float, rate: float = 120.0) -> Iterator[str]:
    """What an app logs that answers in some milliseconds, and has its requests wait once."""
    draw = random.Random(7)
    at = began - 3.0
    while at < began + seconds:
        at += draw.expovariate(rate)
        took = draw.lognormvariate(-4.6, 0.5)
        waits = hold.began < at + took and at < hold.ended
        ended = hold.ended + took if waits else at + took
        yield line(ended, ended - at)


def grown(**changes: object) -> Report:
    """A ``grow`` from stage 10 to stage 100 as it should be; with ``changes``."""
    return replace(_grown(), **changes)  # type: ignore[arg-type]


@cache
def _grown() -> Report:
    steps = tuple(StepTaken(k, s, BEGAN + at, took) for k, s, at, took in STEPS)
    hold = HoldTaken(POOL, BEGAN + 32.351, BEGAN + 32.472, 0.0, BEGAN + 32.366)
    ended = BEGAN + 34.1
    names = ("name", "severity", "what", "evidence", "fix")
    return Report(
        app="bakery",
        command="grow",
        home="10",
        goal="100",
        before="10",
        after="100+10",
        began=BEGAN,
        ended=ended,
        outcome="done",
        steps=steps,
        holds=(hold,),
        waits=measure(log(hold, began=BEGAN, seconds=34.1), (hold,), began=BEGAN, ended=ended),
        verification={
            "tables": 31,
            "rows": 1_204_118,
            "bytes": 812_000_000,
            "changing": ["public.orders", "public.visits"],
            "not_read": [],
            "differences": [],
            "seconds": 3.98,
        },
        checks=tuple(dict(zip(names, check, strict=True)) for check in CHECKS),
        copied_bytes=812_430_118,
        ledger={
            "loads": 1,
            "rate": 50.0,
            "acknowledged": 702,
            "failed": 0,
            "longest_stall_ms": 128.4,
            "at": ended,
            "ledgers": [".tenfold/ledgers/2026-11-25-152950.ledger"],
        },
        choices=("complete", "reverse"),
    )


@cache
def backed_out() -> Report:
    """A ``grow`` whose switch took too long and was taken back."""
    whole = grown()
    steps = whole.steps[:12]
    failed = replace(steps[-1], seconds=4.9, error="vm1/postgres did not stop within 4.8 s")
    hold = replace(whole.holds[0], ended=whole.holds[0].began + 5.02)
    ended = hold.ended + 0.4
    return replace(
        whole,
        after="10+100",
        ended=ended,
        outcome="backed-out",
        error="vm1/postgres did not stop within 4.8 s",
        changed="nothing for your users: whoever served goes on serving",
        advice="tenfold resume    goes on from here\ntenfold abort     removes what was prepared",
        steps=(*steps[:-1], failed),
        taken_back=("let vm1/postgres lead again", "let app1/app accept again"),
        holds=(hold,),
        waits=measure(log(hold, began=BEGAN, seconds=37.0), (hold,), began=BEGAN, ended=ended),
        ledger=None,
        choices=("resume", "abort"),
    )


def drilled(**changes: object) -> Report:
    """A ``drill kill-zone a`` in which all held; ``changes`` are of what it found."""
    gap = BEGAN + 4.1
    told = {
        "name": "kill-zone a",
        "harm": "everything on app1 and db1 is killed (SIGKILL)",
        "level": None,
        "notes": [],
        "held": True,
        "fault": BEGAN + 4.0,
        "mended": BEGAN + 26.0,
        "well": BEGAN + 31.5,
        "leader_before": "db1",
        "leader_after": "db2",
        "led": [{"at": BEGAN, "leaders": [["db1", 1]]}, {"at": gap, "leaders": []}],
        "compared": {
            "acknowledged": 702,
            "lost": 0,
            "duplicated": 0,
            "unknown_applied": 1,
            "unknown_not_applied": 1,
        },
        "missing": [],
        "ledger": ".tenfold/ledgers/drill-2026-11-25-152950.ledger",
        "gap_seconds": 20.4,
        "gap_began": gap,
        "gap_ended": gap + 20.4,
        "in_flight_failed": 2,
        "unnoticed_failed": 0,
        "later_failed": 0,
        "requests": 1412,
        "longest_seconds": 20.31,
        "failures": [{"kind": "status 502", "count": 2, "first": -0.2, "last": -0.1}],
        "most_leaders": 1,
        "findings": [
            {"promise": "every acknowledged write is there, once", "held": True, "seen": "0 lost"},
            {"promise": "never two leaders", "held": True, "seen": "one at a time took writes"},
        ],
    }
    steps = (
        StepTaken("Act", "the site is watched: requests, writes, who leads", BEGAN, 4.0),
        StepTaken("Act", str(told["harm"]), BEGAN + 4.0, 0.3),
        StepTaken("Act", "writes go on", BEGAN + 4.3, 21.0),
    )
    return grown(
        command="drill", home="1k", goal="1k", before="1k", after="1k", steps=steps, holds=(),
        verification=None, checks=(), copied_bytes=None, ledger=None, choices=(),
        drill={**told, **changes},
    )  # fmt: skip
