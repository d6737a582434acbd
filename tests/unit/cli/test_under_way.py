"""What ``status`` tells of a command at work, and of the database that follows meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.cli.under_way import followed, lines
from tenfold.deployment.databases import Following
from tenfold.engines.postgresql.replication import CopyProgress

HOLDER = {"pid": 7, "user": "ada", "reason": "tenfold grow", "since": 88.0}
GROW = {
    "kind": "grow", "state": "running", "holder": HOLDER, "step": "StartUnit", "position": 5,
    "of": 12, "began": 80.0, "from": "10", "to": "100", "phase": "preparing", "may": [],
}  # fmt: skip
OPEN = {
    "kind": "grow", "state": "open", "holder": None, "from": "10", "to": "100",
    "phase": "switched", "may": ["complete", "reverse"],
}  # fmt: skip
MB = 1_000_000


def seen(**more: Any) -> Following:
    return Following("vm1/postgres", "db1/postgres", **more)


def said(doing: dict[str, Any]) -> list[str]:
    return list(lines(doing, 100.0))


BY = "tenfold grow holds the lock since 12 s (pid 7, ada)"


@pytest.mark.parametrize(
    ("follower", "told"),
    [
        (None, ""),
        (seen(), ""),
        (seen(behind_bytes=0), "; the other database is 0 B behind"),
        (seen(copy=CopyProgress("x", 12 * MB, 48 * MB)), "; 12 MB of 48 MB are copied"),
        (seen(copy=CopyProgress("x", 12 * MB, None)), "; 12 MB are copied"),
    ],
)
def test_a_move_that_is_under_way_says_how_far_the_copy_is_and_who_is_at_it(
    follower: Following | None, told: str
) -> None:
    what = "grow from stage 10 to 100 is under way: preparing, step 5 of 12, StartUnit"
    assert said(followed(GROW, follower)) == [what + told, BY]


def test_without_an_answer_the_object_says_so() -> None:
    assert followed(GROW, None) == {**GROW, "behind_bytes": None, "copy": None, "lost": None}
    copied = followed(GROW, seen(copy=CopyProgress("x", 1, 2)))["copy"]
    assert copied == {"phase": "x", "copied_bytes": 1, "total_bytes": 2}


def test_between_two_steps_no_step_is_named() -> None:
    assert said({**GROW, "phase": "switching", "step": None})[0].endswith(
        "is under way: switching, between two steps"
    )


def test_a_way_back_that_is_lost_is_no_way_on() -> None:
    told = followed(OPEN, seen(lost=True, behind_bytes=5))
    assert told["may"] == ["complete"]
    assert said(told) == [
        "grow from stage 10 to 100 is switched, not complete",
        "the way back is lost: vm1/postgres has let go of log that db1/postgres still needs",
    ]


def test_a_deploy_has_no_phase() -> None:
    deploy = {"kind": "deploy", "state": "running", "holder": HOLDER, "step": "Migrate"}
    deploy |= {"position": 2, "of": 9}
    assert said(deploy)[0] == "deploy is under way: step 2 of 9, Migrate"
    assert said({**deploy, "state": "interrupted", "holder": None}) == [
        "deploy was cut off at step 2 of 9, Migrate; the same command again goes on from there"
    ]
