"""What was seen of a drill, against what was promised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenfold.drills.judging import Compared, Failures, Finding, Led, Request, Seen, judge
from tenfold.drills.model import Promise

FAULT = 100.0
CHANGES = Promise("changes", 5.0)
KEPT = Compared(40, 0, 0, 0, 0)


def write(sent: float, ended: float | None = None, failure: str | None = None) -> Request:
    return Request(sent, sent + 0.01 if ended is None else ended, write=True, failure=failure)


def usual(until: float, since: float = 90.0) -> list[Request]:
    """A write every half second, at the quarters."""
    count = int((until - since) * 2)
    return [write(since + 0.25 + n / 2) for n in range(count)]


def seen(**changes: Any) -> Seen:
    """A leader is killed, another one leads two seconds later, and one request failed."""
    found = Seen(
        fault=FAULT,
        broken=FAULT + 0.1,
        until=120.0,
        mended=110.0,
        well=112.0,
        requests=[
            *usual(FAULT),
            write(99.9, 100.2, "status 500"),
            write(100.5, 102.5),
            *usual(120.0, since=102.5),
        ],
        led=[Led(90.0, (("db1", 1),)), Led(100.1, ()), Led(102.0, (("db2", 2),))],
        leader_before="db1",
        leader_after="db2",
        compared=KEPT,
    )
    return replace(found, **changes)


def broken(promise: Promise, found: Seen) -> list[str]:
    return [finding.promise for finding in judge(promise, found).findings if not finding.held]


def test_all_holds_where_only_what_was_in_flight_failed() -> None:
    found = judge(CHANGES, seen())
    assert found.held
    assert found.gap_seconds == pytest.approx(102.5 - 99.76)
    assert (found.gap_began, found.gap_ended) == (pytest.approx(99.76), pytest.approx(102.5))
    assert (found.in_flight_failed, found.unnoticed_failed, found.later_failed) == (1, 0, 0)
    assert found.failures == (Failures("status 500", 1, -0.2, -0.2),)
    assert found.longest_seconds == pytest.approx(2.0)


def test_a_lost_write_and_one_that_is_there_twice_are_told() -> None:
    for compared in (replace(KEPT, lost=1), replace(KEPT, duplicated=1)):
        assert broken(CHANGES, seen(compared=compared)) == [
            "every acknowledged write is there, once"
        ]


def test_a_write_without_an_answer_is_nobodys_fault() -> None:
    assert judge(CHANGES, seen(compared=replace(KEPT, unknown_applied=1))).held


def test_two_leaders_at_a_time_are_told() -> None:
    both = Led(101.0, (("db1", 1), ("db2", 2)))
    found = judge(CHANGES, seen(led=[*seen().led[:2], both]))
    assert found.most_leaders == 2
    assert [f.promise for f in found.findings if not f.held] == ["never two leaders"]


def test_writes_that_wait_for_too_long_are_told() -> None:
    assert broken(replace(CHANGES, writes_wait_seconds=2.0), seen()) == [
        "writes wait for 2 s at most"
    ]


def test_writes_that_never_go_on_are_told_whatever_the_bound() -> None:
    found = judge(replace(CHANGES, writes_wait_seconds=60.0), seen(requests=usual(FAULT)))
    assert found.gap_ended is None
    assert found.gap_seconds == pytest.approx(120.0 - 99.76)
    (finding,) = [f for f in found.findings if f.promise.startswith("writes wait")]
    assert not finding.held
    assert "none was acknowledged after that" in finding.seen


def test_who_comes_before_it_can_be_noticed_may_fail_and_who_comes_later_may_not() -> None:
    silent = replace(CHANGES, notice_seconds=4.0)
    soon = [*seen().requests, write(103.0, 103.1, "timeout")]
    assert judge(silent, seen(requests=soon)).unnoticed_failed == 1
    assert judge(silent, seen(requests=soon)).held
    later = [*seen().requests, write(105.0, 105.1, "timeout")]
    assert judge(silent, seen(requests=later)).later_failed == 1
    assert broken(silent, seen(requests=later)) == ["requests that come later do not fail"]
    assert judge(replace(silent, later_fail=True), seen(requests=later)).held


def test_a_request_that_failed_before_is_not_of_the_fault() -> None:
    before = [*seen().requests, write(95.0, 95.1, "timeout")]
    found = judge(CHANGES, seen(requests=before))
    assert (found.in_flight_failed, found.unnoticed_failed, found.later_failed) == (1, 0, 0)


def test_a_leader_that_is_to_stay_stays() -> None:
    stays = Promise("stays", 5.0)
    assert broken(stays, seen()) == ["the leader stays"]
    still = seen(led=[Led(90.0, (("db1", 1),))], leader_after="db1")
    assert judge(stays, still).held
    assert broken(CHANGES, still) == ["another one leads"]
    assert judge(replace(stays, leader="either"), seen()).held


def test_a_leader_that_came_back_has_not_stayed() -> None:
    led = [Led(90.0, (("db1", 1),)), Led(102.0, (("db2", 2),)), Led(110.0, (("db1", 3),))]
    assert broken(Promise("stays", 5.0), seen(led=led, leader_after="db1")) == ["the leader stays"]


def test_what_does_not_come_back_is_told() -> None:
    assert broken(CHANGES, seen(well=None)) == ["all is as before once it is mended"]


def test_without_writes_nothing_is_said_of_them() -> None:
    reads = [replace(request, write=False) for request in seen().requests]
    found = judge(CHANGES, seen(requests=reads, compared=None))
    assert found.gap_seconds is None
    assert not any("write" in finding.promise for finding in found.findings)
    assert Finding("never two leaders", True, "one at a time took writes") in found.findings
