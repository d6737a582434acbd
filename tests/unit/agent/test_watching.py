from __future__ import annotations

import pytest

from tenfold.agent.watching import SILENT, Work, left_over, work


def test_a_worker_that_says_nothing_of_its_work_has_none() -> None:
    assert work({"ok": True, "state": "holding"}) == Work()
    assert Work().none


@pytest.mark.parametrize(
    "some",
    [{"state": "accepting"}, {"connections": 1}, {"active": 1}, {"tasks": 1}],
)
def test_any_work_counts_and_so_does_that_more_may_come(some: dict[str, object]) -> None:
    assert not work({"state": "holding", **some}).none


def test_a_worker_that_never_accepted_has_no_work() -> None:
    assert work({"state": "warm", "connections": 0}).none


def test_silence_is_not_rest() -> None:
    assert not SILENT.none


@pytest.mark.parametrize(
    ("left", "text"),
    [
        ([Work(active=1, oldest_seconds=2.25)], "1 request still runs, the oldest for 2.2 s"),
        (
            [Work(active=1, oldest_seconds=2.0), Work(active=2, oldest_seconds=30.04)],
            "3 requests still run, the oldest for 30.0 s",
        ),
        ([Work(connections=2), SILENT], "a worker does not answer"),
        ([Work(connections=2)], "connections are still open: 2"),
        ([Work(tasks=3)], "background tasks still run: 3"),
        ([Work(accepts=True)], "a worker still accepts"),
    ],
)
def test_what_is_left_is_said(left: list[Work], text: str) -> None:
    assert left_over(left) == text
