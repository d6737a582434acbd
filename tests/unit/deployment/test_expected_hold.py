"""What a plan expects of a hold: measured parts added up, and put in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tenfold.deployment.expected_hold import (
    Tried,
    entries_while_held,
    expected,
    in_words,
    parts_in_words,
    promotes,
    tried_from_json,
)
from tenfold.transitions import steps as st

TRIED = Tried(
    postgresql="PostgreSQL 18.6",
    host="vm1",
    day="2026-11-28",
    stop_seconds=0.0831,
    promote_seconds=0.0178,
    journal_seconds=0.0018,
)
SWITCH: tuple[st.Step, ...] = (
    st.WarmPool("vm1/app", 2, "r1", 2),
    st.Settle("vm1/app", 6.0),
    st.Checkpoint(("vm1/postgres", "db1/postgres")),
    st.Hold(("vm1/app",), 5.0, 600.0),
    st.Fence("vm1/postgres", "db1/postgres"),
    st.AwaitLast("db1/postgres", "vm1/postgres"),
    st.Promote("db1/postgres", "vm1/postgres"),
    st.Handover("vm1/app", 2, "r1"),
    st.Follow("vm1/postgres", "db1/postgres"),
)


def hold(**known: Any) -> dict[str, Any]:
    usual = {"drain_seconds": 0.004, "handover_seconds": 0.011, "start_seconds": None}
    return expected(TRIED, entries=4, **{**usual, **known})


def words(known: dict[str, Any] | None, **more: Any) -> str:
    return in_words(known, **{"start_seconds": None, "untried": None, **more})


def test_the_journal_is_written_while_requests_wait_and_before_the_new_workers_accept() -> None:
    assert entries_while_held(SWITCH) == 4
    assert entries_while_held(SWITCH[:3]) == 0
    late = (*SWITCH[:7], st.WarmPool("vm1/app", 2, "r1", 2), *SWITCH[7:])
    assert entries_while_held(late) == 5
    assert entries_while_held((*SWITCH, st.Handover("vm2/app", 2, "r1"))) == 4


def test_only_a_change_of_leader_is_worth_a_trial() -> None:
    assert promotes(SWITCH)
    assert not promotes(s for s in SWITCH if not isinstance(s, st.Promote))


def test_the_parts_are_added_up() -> None:
    told = hold()
    assert told["seconds"] == pytest.approx(0.0831 + 0.0178 + 4 * 0.0018 + 0.004 + 0.011, abs=1e-4)
    assert sum(told["parts"].values()) == pytest.approx(told["seconds"], abs=1e-3)
    assert words(told) == "about 123 ms (measured: a trial on vm1 on 2026-11-28)"
    assert parts_in_words(told) == (
        "of that in ms: drain 4, stop 83, promote 18, hand over 11, journal 7"
    )


def test_what_nobody_has_measured_is_named_instead_of_guessed() -> None:
    told = hold(drain_seconds=None, handover_seconds=None)
    assert told["not_measured"] == ["drain", "hand over"]
    assert "drain" not in told["parts"]
    assert parts_in_words(told) == (
        "of that in ms: stop 83, promote 18, journal 7; not measured yet: drain and hand over"
    )


def test_an_app_that_writes_when_it_starts_waits_for_that_as_well() -> None:
    told = hold(start_seconds=1.4)
    assert told["parts"]["start"] == 1.4
    assert words(told, start_seconds=1.4).startswith("about 1.5 s (measured: ")


def test_a_rehearsal_or_a_move_says_it_as_ever() -> None:
    known = {"seconds": 0.124, "basis": "the last switch"}
    assert words(known) == "about 124 ms (measured: the last switch)"
    assert parts_in_words(known) is None


def test_without_a_trial_the_plan_says_why() -> None:
    assert words(None, untried="less than 256 MiB are free") == (
        "some tenths of a second (no trial: less than 256 MiB are free; tenfold rehearse"
        " measures it)"
    )
    assert words(None) == "some tenths of a second (tenfold rehearse measures it)"
    assert words(None, start_seconds=1.4).startswith("1.4 s and some tenths of a second (")


def test_what_is_kept_is_read_again_and_nothing_else_is() -> None:
    assert tried_from_json(json.loads(json.dumps(TRIED.to_json()))) == TRIED
    assert tried_from_json(None) is None
    assert tried_from_json({"entry": 3}) is None
    assert tried_from_json(replace(TRIED, host="db1").to_json()) != TRIED
