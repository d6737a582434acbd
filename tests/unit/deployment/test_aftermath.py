from __future__ import annotations

from tenfold.deployment.aftermath import explain
from tenfold.errors import PortTaken, UnitFailed
from tenfold.transitions.journal import Record
from tenfold.transitions.steps import BuildRelease, Migrate, WarmPool, to_json

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
