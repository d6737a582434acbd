from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tenfold.observe.recorder import CUT_OFF, Recorder
from tenfold.observe.report.model import StepTaken
from tenfold.transitions import steps as st
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.planner import Plan
from tenfold.transitions.runner import Runner


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))


@dataclass
class Clock:
    """Seconds; moved by hand."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


def test_everything_is_passed_on_as_it_came() -> None:
    told = Told()
    recorder = Recorder(told)
    step, error = st.StartUnit("vm1/edge"), ValueError("no")
    recorder.started(step)
    recorder.progress(step, "nearly")
    recorder.finished(step, 0.5)
    recorder.failed(step, error)
    recorder.backing_out((st.StopUnit("vm1/edge"),))
    assert told.calls == [
        ("started", step),
        ("progress", step, "nearly"),
        ("finished", step, 0.5),
        ("failed", step, error),
        ("backing_out", (st.StopUnit("vm1/edge"),)),
    ]
    assert recorder.taken_back == ("stop vm1/edge",)


def test_a_step_is_recorded_with_its_begin_and_length() -> None:
    clock = Clock()
    recorder = Recorder(Told(), now=clock)
    step = st.Promote("db1/postgres", "vm1/postgres")
    recorder.started(step)
    clock.at += 0.5
    recorder.finished(step, 0.026)
    assert recorder.began == 1000.0
    assert recorder.steps == (StepTaken("Promote", "let db1/postgres lead", 1000.0, 0.026),)


def test_a_failed_step_keeps_what_it_failed_with() -> None:
    wall, clock = Clock(), Clock(5.0)
    recorder = Recorder(Told(), now=wall, clock=clock)
    step = st.StartUnit("vm1/edge")
    recorder.started(step)
    clock.at += 2.0
    wall.at -= 3600.0  # somebody sets it
    recorder.failed(step, KeyboardInterrupt())
    (found,) = recorder.steps
    assert (found.began, found.seconds, found.error) == (1000.0, 2.0, "KeyboardInterrupt")


def test_a_step_that_never_ended_was_cut_off() -> None:
    clock = Clock()
    recorder = Recorder(Told(), now=Clock(), clock=clock)
    recorder.started(st.StartUnit("vm1/edge"))
    clock.at += 3.0
    (found,) = recorder.steps
    assert (found.seconds, found.error) == (3.0, CUT_OFF)


def test_equal_steps_side_by_side_are_two() -> None:
    recorder = Recorder(Told())
    one, other = st.StartUnit("vm1/edge"), st.StartUnit("vm1/edge")
    recorder.started(one)
    recorder.started(other)
    recorder.finished(other, 0.1)
    recorder.finished(one, 0.2)
    assert sorted(step.seconds for step in recorder.steps) == [0.1, 0.2]


def test_it_is_a_listener_of_the_runner_also_for_steps_side_by_side(tmp_path: Path) -> None:
    meet = threading.Barrier(2)

    def perform(step: st.Step, tell: Any) -> None:
        if step == st.StopUnit("vm1/old"):
            raise RuntimeError("it stays")
        if isinstance(step, st.StartUnit):
            meet.wait(10)

    recorder = Recorder(Told())
    edge, app = st.StartUnit("vm1/edge"), st.StartUnit("vm1/app")
    plan = Plan("grow", (st.Together((edge, app)), st.StopUnit("vm1/old")))
    with pytest.raises(RuntimeError):
        Runner(SqliteJournal(tmp_path / "journal.db"), perform, recorder).run(plan)
    found = recorder.steps
    assert {step.sentence for step in found[:2]} == {"start vm1/edge", "start vm1/app"}
    assert (found[2].kind, found[2].error) == ("StopUnit", "it stays")
    assert recorder.taken_back == ("stop vm1/app; stop vm1/edge",)
