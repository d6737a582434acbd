from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.errors import JournalError, LeftHalfDone, NotBegun, StepFailed, UnitFailed
from tenfold.transitions import steps as st
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.planner import Plan
from tenfold.transitions.runner import Runner


class Witness:
    """Records what the runner says and does."""

    def __init__(self, *, failing: st.Step | None = None, error: BaseException | None = None):
        self.performed: list[st.Step] = []
        self.backed_out: tuple[st.Step, ...] = ()
        self.failing, self.error = failing, error

    def perform(self, step: st.Step, tell: Callable[[str], None]) -> None:
        self.performed.append(step)
        tell("half way")
        if step == self.failing and self.error:
            raise self.error

    def started(self, step: st.Step) -> None: ...
    def progress(self, step: st.Step, text: str) -> None: ...
    def finished(self, step: st.Step, seconds: float) -> None: ...
    def failed(self, step: st.Step, error: BaseException) -> None: ...
    def backing_out(self, steps: tuple[st.Step, ...]) -> None:
        self.backed_out = steps


HOST, UNIT = st.EnsureHost("vm1"), st.StartUnit("vm1/postgres")
WARM, OVER = st.WarmPool("vm1/app", 2, "r2", 2), st.Handover("vm1/app", 2, "r2")


def run(tmp_path: Path, witness: Witness, *steps: st.Step) -> SqliteJournal:
    journal = SqliteJournal(tmp_path / "journal.db")
    Runner(journal, witness.perform, witness).run(Plan("up", steps))
    return journal


def test_steps_are_performed_in_order_and_journaled(tmp_path: Path) -> None:
    witness = Witness()
    journal = run(tmp_path, witness, HOST, UNIT, WARM, OVER)
    assert witness.performed == [HOST, UNIT, WARM, OVER]
    record = journal.last()
    assert record
    assert (record.outcome, record.done) == ("done", (0, 1, 2, 3))


def test_a_failure_takes_back_what_was_begun_in_reverse_order(tmp_path: Path) -> None:
    witness = Witness(failing=WARM, error=UnitFailed("never healthy"))
    with pytest.raises(UnitFailed, match="never healthy"):
        run(tmp_path, witness, HOST, UNIT, WARM, OVER)
    assert witness.performed[3:] == [
        st.DiscardGeneration("vm1/app", 2),
        st.StopUnit("vm1/postgres"),
        st.StopHost("vm1"),
    ]
    record = SqliteJournal(tmp_path / "journal.db").last()
    assert record
    assert (record.outcome, record.message) == ("backed-out", "never healthy")


def test_from_the_point_of_no_return_nothing_is_taken_back(tmp_path: Path) -> None:
    witness = Witness(failing=OVER, error=UnitFailed("the agent broke off"))
    with pytest.raises(UnitFailed):
        run(tmp_path, witness, WARM, OVER)
    assert witness.performed == [WARM, OVER]
    record = SqliteJournal(tmp_path / "journal.db").last()
    assert record
    assert record.outcome == "failed"


def test_what_was_not_begun_is_no_point_of_no_return(tmp_path: Path) -> None:
    witness = Witness(failing=OVER, error=NotBegun("nobody could be asked"))
    with pytest.raises(NotBegun):
        run(tmp_path, witness, WARM, OVER)
    assert witness.performed == [WARM, OVER, st.DiscardGeneration("vm1/app", 2)]
    record = SqliteJournal(tmp_path / "journal.db").last()
    assert record
    assert record.outcome == "backed-out"


@pytest.mark.parametrize("asked", [False, True])
def test_interrupted_short_of_the_point_of_no_return_it_backs_out(
    tmp_path: Path, asked: bool
) -> None:
    """Its intention is in the journal by then: whoever performs it knows how far that came."""
    witness = Witness(failing=OVER, error=KeyboardInterrupt())
    journal = SqliteJournal(tmp_path / "journal.db")
    runner = Runner(journal, witness.perform, witness, is_past=lambda step: asked)
    with pytest.raises(KeyboardInterrupt):
        runner.run(Plan("up", (WARM, OVER)))
    back = [] if asked else [st.DiscardGeneration("vm1/app", 2)]
    assert witness.performed == [WARM, OVER, *back]
    record = journal.last()
    assert record
    assert record.outcome == ("failed" if asked else "backed-out")


def test_interrupted_right_behind_the_intention_it_is_the_same(tmp_path: Path) -> None:
    class Sudden(Witness):
        def started(self, step: st.Step) -> None:
            if step == OVER:
                signal.raise_signal(signal.SIGINT)

    witness, journal = Sudden(), SqliteJournal(tmp_path / "journal.db")
    runner = Runner(
        journal, witness.perform, witness, is_past=lambda step: OVER in witness.performed
    )
    with pytest.raises(KeyboardInterrupt):
        runner.run(Plan("up", (WARM, OVER)))
    assert witness.performed == [WARM, st.DiscardGeneration("vm1/app", 2)]


def test_control_c_backs_out_too(tmp_path: Path) -> None:
    witness = Witness(failing=WARM, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, witness, WARM, OVER)
    assert witness.performed[-1] == st.DiscardGeneration("vm1/app", 2)


def test_a_fault_of_ours_is_not_mistaken_for_a_failed_step(tmp_path: Path) -> None:
    witness = Witness(failing=WARM, error=ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, witness, WARM, OVER)


def test_steps_together_overlap_in_time(tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=10)

    class Meeting(Witness):
        def perform(self, step: st.Step, tell: Callable[[str], None]) -> None:
            meeting.wait()

    run(tmp_path, Meeting(), st.Together((st.BuildRelease("r1"), UNIT)))


def test_one_failure_of_two_together_takes_back_both(tmp_path: Path) -> None:
    build = st.BuildRelease("r1")
    witness = Witness(failing=build, error=UnitFailed("no module"))
    with pytest.raises(UnitFailed):
        run(tmp_path, witness, HOST, st.Together((build, UNIT)))
    assert witness.performed[-2:] == [st.StopUnit("vm1/postgres"), st.StopHost("vm1")]


def test_a_back_out_that_fails_says_what_is_left(tmp_path: Path) -> None:
    class Stubborn(Witness):
        def perform(self, step: st.Step, tell: Callable[[str], None]) -> None:
            super().perform(step, tell)
            if isinstance(step, st.StopUnit):
                raise UnitFailed("postgres does not stop")

    witness = Stubborn(failing=WARM, error=UnitFailed("never healthy"))
    with pytest.raises(StepFailed) as caught:
        run(tmp_path, witness, UNIT, WARM)
    assert "postgres does not stop" in (caught.value.changed or "")


@pytest.mark.parametrize("fault", [OSError("no room"), ZeroDivisionError("a bug")])
def test_whatever_fails_on_the_way_back_the_rest_of_it_is_taken_back(
    tmp_path: Path, fault: Exception
) -> None:
    class Broken(Witness):
        def perform(self, step: st.Step, tell: Callable[[str], None]) -> None:
            super().perform(step, tell)
            if isinstance(step, st.DiscardGeneration):
                raise fault

    witness = Broken(failing=WARM, error=UnitFailed("never healthy"))
    with pytest.raises(LeftHalfDone) as caught:
        run(tmp_path, witness, HOST, UNIT, WARM)
    assert witness.performed[-2:] == [st.StopUnit("vm1/postgres"), st.StopHost("vm1")]
    assert str(fault) in (caught.value.changed or "")
    assert "never healthy" in (caught.value.detail or ""), "nor is the cause forgotten"
    record = SqliteJournal(tmp_path / "journal.db").last()
    assert record
    assert (record.outcome, record.message) == ("failed", str(caught.value))


def test_interrupted_again_it_takes_back_all_the_same(tmp_path: Path) -> None:
    class Impatient(Witness):
        def perform(self, step: st.Step, tell: Callable[[str], None]) -> None:
            signal.raise_signal(signal.SIGINT)
            super().perform(step, tell)

    witness = Impatient()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, witness, HOST, UNIT)
    assert witness.performed == [st.StopHost("vm1")]
    record = SqliteJournal(tmp_path / "journal.db").last()
    assert record
    assert record.outcome == "backed-out"


def test_interrupted_while_steps_are_at_work_it_takes_back_when_they_have_ended(
    tmp_path: Path,
) -> None:
    """A build that was left at work started the host again, after that was taken back."""

    class Building(Witness):
        told = threading.Event()

        def progress(self, step: st.Step, text: str) -> None:
            if isinstance(step, st.BuildRelease) and "still ends what it does" in text:
                self.told.set()

        def perform(self, step: st.Step, tell: Callable[[str], None]) -> None:
            if isinstance(step, st.BuildRelease):
                os.kill(os.getpid(), signal.SIGINT)
                assert self.told.wait(10)
                os.kill(os.getpid(), signal.SIGINT)
                self.performed.append(step)
                tell("copying")
                self.performed.append(step)
            elif not isinstance(step, st.StartUnit):
                self.performed.append(step)

    witness = Building()
    build = st.BuildRelease("r1")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, witness, HOST, st.Together((build, UNIT)))
    assert witness.performed == [HOST, build, st.StopUnit("vm1/postgres"), st.StopHost("vm1")]


def test_what_ended_it_is_told_before_anything_is_taken_back_or_written_down(
    tmp_path: Path,
) -> None:
    witness = Witness(failing=WARM, error=UnitFailed("never healthy"))
    journal = SqliteJournal(tmp_path / "journal.db")
    told: list[tuple[BaseException, int, object]] = []

    def ended_by(error: BaseException) -> None:
        last = journal.last()
        told.append((error, len(witness.performed), last and last.outcome))

    with pytest.raises(UnitFailed):
        Runner(journal, witness.perform, witness, ended_by=ended_by).run(Plan("up", (UNIT, WARM)))
    assert told == [(witness.error, 2, None)]


class SilentAtTheEnd(SqliteJournal):
    """Nobody answers any more when it is to be written down how a command ended."""

    def end(self, *told: object) -> None:
        raise JournalError("etcd is silent")


@pytest.mark.parametrize("cause", [None, OSError("no room")])
def test_what_failed_is_told_also_where_the_journal_is_not(
    tmp_path: Path, cause: OSError | None
) -> None:
    failure = UnitFailed("never healthy")
    failure.__cause__ = cause
    witness = Witness(failing=WARM, error=failure)
    journal = SilentAtTheEnd(tmp_path / "journal.db")
    with pytest.raises(UnitFailed, match="never healthy") as caught:
        Runner(journal, witness.perform, witness).run(Plan("up", (UNIT, WARM)))
    assert witness.performed[-1] == st.StopUnit("vm1/postgres"), "it was taken back all the same"
    assert caught.value.__notes__ == ["and the journal was not told: etcd is silent"]
    assert isinstance(caught.value.__cause__, OSError if cause else JournalError)
