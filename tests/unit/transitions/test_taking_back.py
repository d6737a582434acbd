"""What the journal of a command that was killed says of the switch that it was in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.transitions import steps as st
from tenfold.transitions.journal import Outcome, SqliteJournal
from tenfold.transitions.taking_back import left, reliable, was_asked

OLD, NEW = "app1/postgres", "db1/postgres"
SETTLE, HOLD = st.Settle("app1/app", 6.0), st.Hold("app1/app", 5.0, 600.0, others=("app2/app",))
FENCE, LAST, PROMOTE = st.Fence(OLD, NEW), st.AwaitLast(NEW, OLD), st.Promote(NEW, OLD)
SWITCH = (SETTLE, HOLD, FENCE, LAST, PROMOTE)
UNFENCE = st.Unfence(OLD, NEW)
RELEASES = (st.Release("app1/app"), st.Release("app2/app"))
BACK = (UNFENCE, *RELEASES)


class Past:
    """A journal in which commands came so far."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder / "journal.db")

    def came(self, *steps: st.Step, to: st.Step, ended: Outcome | None = None) -> Past:
        """A command intended the steps up to this one; it was killed there, unless it ``ended``."""
        transition = self.journal.begin("grow", tuple(st.to_json(s) for s in steps))
        for position, step in enumerate(steps):
            self.journal.intend(transition, position, done=position - 1 if position else None)
            if step == to:
                break
        if ended == "done":
            self.journal.done(transition, len(steps) - 1)
        if ended is not None:
            self.journal.end(transition, ended)
        return self

    @property
    def asked(self) -> bool:
        return was_asked(reliable(self.journal), OLD)

    @property
    def left(self) -> tuple[st.Step, ...]:
        return left(reliable(self.journal))


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


@pytest.mark.parametrize("point", [FENCE, LAST])
def test_killed_between_fence_and_promotion_nobody_was_asked(past: Past, point: st.Step) -> None:
    past.came(*SWITCH, to=point)
    assert not past.asked
    assert past.left == BACK


def test_from_the_intention_to_ask_on_somebody_may_have_been(past: Past) -> None:
    past.came(*SWITCH, to=PROMOTE)
    assert past.asked
    assert past.left == ()


def test_without_a_fence_nothing_is_known(past: Past) -> None:
    assert past.asked
    past.came(*SWITCH, to=HOLD)
    assert past.asked
    assert past.left == ()


def test_whoever_took_it_back_has_left_nothing(past: Past) -> None:
    past.came(*SWITCH, to=LAST, ended="backed-out")
    assert past.left == ()
    past.came(*SWITCH, to=LAST).came(*BACK, to=RELEASES[-1], ended="done")
    assert past.left == ()


def test_whoever_was_killed_while_it_took_it_back_leaves_it_to_the_next(past: Past) -> None:
    past.came(*SWITCH, to=LAST).came(*BACK, to=UNFENCE)
    assert not past.asked
    assert past.left == BACK
    past.came(*BACK, to=RELEASES[0], ended="failed")
    assert past.left == ()


def test_a_promotion_that_was_taken_back_unbegun_asked_nobody(past: Past) -> None:
    """Of one that goes on where another was killed: its fence is that of the other."""
    past.came(*SWITCH, to=LAST).came(HOLD, LAST, PROMOTE, to=PROMOTE, ended="backed-out")
    assert not past.asked
    assert past.left == BACK


def test_a_second_command_that_may_have_asked_counts(past: Past) -> None:
    past.came(*SWITCH, to=LAST).came(HOLD, LAST, PROMOTE, to=PROMOTE)
    assert past.asked
    assert past.left == ()


def test_a_later_fence_counts_alone(past: Past) -> None:
    over = st.Handover("app1/app", 2, "r2")
    past.came(*SWITCH, over, to=over, ended="done")
    assert past.asked
    past.came(*SWITCH, to=LAST)
    assert not past.asked


def test_a_step_that_this_version_does_not_know_may_have_made_anybody_lead(past: Past) -> None:
    past.came(*SWITCH, to=LAST)
    journal = past.journal
    transition = journal.begin("grow", ({"step": "Elect", "schema": 1},))
    journal.intend(transition, 0)
    assert past.asked
    assert past.left == ()


def test_whoever_was_overtaken_can_intend_nothing_more(past: Past) -> None:
    """What makes the journal's word final for whoever has begun since."""
    past.came(*SWITCH, to=LAST)
    SqliteJournal(past.journal._path).begin("let go", ())
    with pytest.raises(Exception, match="another command has taken over"):
        past.journal.intend(1, SWITCH.index(PROMOTE))


def test_a_journal_that_was_put_back_says_nothing_of_what_came_before(past: Past) -> None:
    """Somebody may have been asked since the copy was made."""
    past.came(*SWITCH, to=LAST)
    assert past.left == BACK
    past.came(UNFENCE, to=UNFENCE)  # the hosts know a later command than this one
    past.journal.skip_epochs()
    assert past.asked
    assert past.left == ()
    past.came(*SWITCH, to=LAST)
    assert not past.asked
    assert past.left == BACK
