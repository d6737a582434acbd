from __future__ import annotations

import pytest

from tenfold.deployment.aftermath import explain, goes_back_to
from tenfold.errors import PortTaken, UnitFailed
from tenfold.transitions.journal import Record
from tenfold.transitions.steps import (
    BuildRelease,
    Handover,
    Migrate,
    Together,
    WarmPool,
    to_json,
)

STEPS = tuple(
    to_json(s) for s in (BuildRelease("r2"), Migrate("r2", "m"), WarmPool("vm1/app", 2, "r2", 2))
)


def failed(outcome: str = "backed-out", done: tuple[int, ...] = (0,)) -> Record:
    return Record(1, "deploy", STEPS, 1.0, 2.0, outcome, "x", 2, done)


def told(record: Record, serving: str | None) -> UnitFailed:
    error = UnitFailed("never healthy", changed="of one step", next="of one step")
    explain(error, record, serving)
    return error


def test_users_of_the_old_release_are_told_to_be_fine() -> None:
    error = told(failed(), "r1")
    assert error.changed == "nothing for your users: release r1 went on serving"
    assert "tenfold deploy" in (error.next or "")


def test_a_migration_that_ran_is_named() -> None:
    assert "migration stays" in (told(failed(done=(0, 1)), "r1").changed or "")


def test_a_first_up_that_failed_left_nothing() -> None:
    assert told(failed(), None).changed == "nothing: what was started is stopped again"


def test_an_error_that_knows_the_way_out_keeps_it() -> None:
    error = PortTaken("port 8000 is taken", next="choose another with --port")
    explain(error, failed(), None)
    assert error.next == "choose another with --port"


def test_past_the_point_of_no_return_the_step_s_own_words_stand() -> None:
    assert told(failed("failed"), "r1").changed == "of one step"


def returning(kind: str, outcome: str | None) -> Record:
    over = Together((Handover("vm1/app", 2, "r1"), Handover("vm2/app", 2, "r1")))
    steps = (to_json(WarmPool("vm1/app", 2, "r1", 2)), to_json(over))
    return Record(1, kind, steps, 1.0, None if outcome is None else 2.0, outcome, None, 1, (0,))


@pytest.mark.parametrize(
    ("kind", "outcome", "goal"),
    [
        ("rollback", None, "r1"),
        ("rollback", "failed", "r1"),
        ("rollback", "done", None),
        ("rollback", "backed-out", None),
        ("deploy", None, None),
    ],
)
def test_a_rollback_that_was_cut_off_is_known_by_where_it_was_to_go(
    kind: str, outcome: str | None, goal: str | None
) -> None:
    assert goes_back_to(returning(kind, outcome)) == goal


def test_where_nothing_was_begun_nothing_goes_on() -> None:
    assert goes_back_to(None) is None
