from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from benchmarks.failover_tables import Struck, notes, noticed, p95, stalls, struck


def report(failed: int = 0, lost: int = 0, stall_ms: float = 400.0) -> dict[str, Any]:
    return {
        "overall": {"due": 800, "failed": failed},
        "writes": {"longest_stall_ms": stall_ms},
        "comparison": {
            "acknowledged": 390,
            "unknown": failed,
            "counts": {"lost": lost, "duplicated": 0, "unknown_applied": failed // 2},
        },
    }


def one(fault: str = "PostgreSQL killed", **told: Any) -> Struck:
    return struck(fault, report(**told), [], 3.2, led=True, false=0)


def test_when_what_failed_was_sent() -> None:
    failures = [{"sent": 3.2 + after} for after in (-0.5, 0.0, 0.1, 1.0, 1.1)]
    found = struck("host killed", report(5), failures, 3.2, led=True, false=1)
    assert (found.failed, found.soon, found.later, found.applied) == (5, 2, 1, 2)
    assert (found.stall, found.false) == (0.4, 1)


def test_a_goal_is_judged_for_the_first_side_alone() -> None:
    slow = [one(stall_ms=4000.0)] * 3
    table = stalls({"Tenfold": [one()] * 3, "other": slow})
    assert [row[-1] for row in table.rows] == ["p95 ≤ 3: reached", ""]
    assert stalls({"Tenfold": slow}).rows[0][-1] == "p95 ≤ 3: **missed**"
    assert stalls({"Tenfold": [one("leader paused")]}).rows[0][-1] == "the lease"
    planned = [
        one("leader's host drained", stall_ms=900.0),
        one("leader's host drained", stall_ms=1100),
    ]
    assert stalls({"Tenfold": planned}).rows[0][-1] == "longest ≤ 1: **missed**"


@pytest.mark.parametrize(("count", "which"), [(1, 0), (19, 18), (20, 18), (100, 94)])
def test_the_ninety_fifth_of_a_hundred(count: int, which: int) -> None:
    assert p95([float(n) for n in range(count)]) == which


def test_counts_are_summed_by_fault_and_side() -> None:
    sides = {"Tenfold": [one(), one()], "other": [one(lost=3)]}
    ours, theirs = noticed(sides).rows
    assert ours[2:7] == ("1,600", "0", "0", "0", "780")
    assert ours[7:] == ("**0 / 0**", "0, 0", "2 of 2", "not looked at", "0")
    assert theirs[7] == "**3 / 0**"
    looked = [replace(one(), two=0), replace(one(), two=1)]
    assert noticed({"Tenfold": looked}).rows[0][10] == "1"


def test_nothing_is_concluded_from_few_faults_or_from_a_loss() -> None:
    assert notes({"Tenfold": [one()] * 2}) == ()
    assert notes({"Tenfold": [one(), one(), one(lost=1)]}) == ()
    assert "3.0%" in notes({"Tenfold": [one()] * 100})[0]
