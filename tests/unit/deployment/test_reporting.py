from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.reports import line

from tenfold.deployment import reporting
from tenfold.errors import StepFailed
from tenfold.observe.load_figures import LoadFigures, publish
from tenfold.observe.recorder import Recorder
from tenfold.observe.report import store
from tenfold.state.layout import Layout
from tenfold.targets.memory import MemoryTarget
from tenfold.topology.model import Host
from tenfold.transitions import steps as st
from tenfold.transitions.perform.evidence import Evidence, Hold
from tenfold.transitions.way import Crossing

CROSSING = Crossing("10", "100", "grow", None, switched=True, began=0.0)


class Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


@dataclass
class Some:
    """What of a deployment a report is made of."""

    layout: Layout
    target: MemoryTarget = field(default_factory=MemoryTarget)
    crossing: Crossing | None = CROSSING

    def facts(self) -> dict[str, Any]:
        return {
            "applied": {"app": "bakery", "stage": "100", "url": None, "hosts": [], "expected": {}}
        }


@pytest.fixture
def deployment(tmp_path: Path) -> Any:
    layout = Layout(tmp_path)
    layout.state.mkdir()
    found = Some(layout)
    found.target.ensure(Host("db1"))
    found.target.ensure(Host("app1")).lines["edge"] = []
    return found


def log(deployment: Any, *lines: str) -> None:
    deployment.target.agents["app1"].lines["edge"] += lines


@pytest.fixture
def moved() -> tuple[Recorder, Evidence, float]:
    """A switch whose hold ended four seconds ago; when that was."""
    ended = time.time() - 4
    clock = iter([ended - 10, ended - 0.3, ended - 0.2, ended - 0.01, ended])
    recorder = Recorder(Silent(), now=lambda: next(clock))
    hold, promote = st.Hold("app1/app", 5.0, 600.0), st.Promote("db1/postgres", "vm1/postgres")
    recorder.started(hold)
    recorder.finished(hold, 0.12)
    recorder.started(promote)
    recorder.finished(promote, 0.01)
    recorder._now = time.time
    evidence = Evidence(
        holds=[Hold(("app1/app",), ended - 0.2, 0.2, 1.5)],
        verification={"tables": 1},
        checks=[{"name": "version", "severity": "fine", "what": "both are 18"}],
        copied_bytes=7,
    )
    return recorder, evidence, ended


def made(deployment: Any, moved: Any, **more: Any) -> Any:
    recorder, evidence, _ = moved
    told = {"before": "10", "after": "100+10", "outcome": "done", **more}
    return reporting.write(deployment, recorder, evidence, CROSSING, **told)


def test_a_report_has_what_was_recorded_seen_and_logged(deployment: Any, moved: Any) -> None:
    ended = moved[2]
    log(deployment, line(ended + 0.01, 0.15), "upstream timed out", line(ended + 0.5, 0.01))
    filing = made(deployment, moved)
    report = filing.report
    assert filing.note is None
    assert (report.app, report.command, report.home, report.goal) == ("bakery", "grow", "10", "100")
    assert [step.kind for step in report.steps] == ["Hold", "Promote"]
    (hold,) = report.holds
    assert (hold.seconds_postponed, hold.drained) == (1.5, pytest.approx(ended - 0.18))
    assert (report.waits.count, report.waits.requests) == (1, 2)
    assert report.waits.longest_ms == pytest.approx(140, abs=1.1)
    assert report.waits.until <= time.time() - 1.0 + 0.5
    assert (report.copied_bytes, report.verification) == (7, {"tables": 1})
    assert report.choices == ("complete", "reverse")
    name, read = store.load(reporting.folder(deployment.layout), "last")
    assert read == report
    assert filing.page == deployment.layout.state / "reports" / f"{name}.html"


def test_an_error_tells_what_changed_and_what_comes_next(deployment: Any, moved: Any) -> None:
    error = StepFailed("it did not stop", changed="nothing", next="tenfold resume")
    report = made(deployment, moved, error=error, outcome="backed-out", command="resume").report
    assert (report.error, report.changed, report.advice) == (
        "it did not stop",
        "nothing",
        "tenfold resume",
    )
    assert (report.command, report.outcome) == ("resume", "backed-out")
    assert made(deployment, moved, error=KeyboardInterrupt()).report.error == "KeyboardInterrupt"


def test_without_a_log_nobody_claims_to_know_who_waited(deployment: Any, moved: Any) -> None:
    assert made(deployment, moved).report.waits is None


def test_a_load_that_is_under_way_has_its_figures_in_it(deployment: Any, moved: Any) -> None:
    now = time.time()
    figures = LoadFigures(os.getpid(), now - 30, now, 50.0, 702, 0, 120.0, "run.ledger")
    publish(reporting.load_folder(deployment.layout), figures)
    assert made(deployment, moved).report.ledger["acknowledged"] == 702
    publish(reporting.load_folder(deployment.layout), replace(figures, at=now - 60))
    assert made(deployment, moved).report.ledger is None


def test_a_report_that_cannot_be_written_is_a_note_and_no_failure(
    deployment: Any, moved: Any
) -> None:
    reporting.folder(deployment.layout).write_text("in the way")
    filing = made(deployment, moved)
    assert (filing.report, filing.page) == (None, None)
    assert filing.note.startswith("the report could not be written: FileExistsError")


def test_a_deployment_that_cannot_be_asked_is_a_note_and_no_failure(
    deployment: Any, moved: Any
) -> None:
    class Broken(MemoryTarget):
        def logs(self, *arguments: Any, **more: Any) -> Any:
            raise StepFailed("app1 is out of reach")

    deployment.target = Broken(hosts=["app1"])
    assert made(deployment, moved).note == "the report could not be written: app1 is out of reach"


def test_a_hold_that_nobody_ended_lasts_until_now() -> None:
    hold = Hold(("vm1/app",), 10.0, since=time.monotonic() - 2.0)
    (found,) = reporting.holds_of(Evidence(holds=[hold]), ())
    assert found.ended == pytest.approx(12.0, abs=1.0)
    assert found.drained is None


@dataclass
class Waiting:
    """Clocks that only waiting moves, and a log that gets a line at some time; the one that people
    set is set back, or forward, when somebody has ``waited`` for a second."""

    at: float
    line_at: float
    looked: int = 0
    waited: float = 0.0
    set_by: float = 0.0

    def now(self) -> float:
        return self.at + (self.set_by if self.waited > 1 else 0)

    def clock(self) -> float:
        return self.waited

    def pause(self, seconds: float) -> None:
        self.at += seconds
        self.waited += seconds

    def look(self) -> Any:
        self.looked += 1
        return iter([line(100.1, 0.2)] if self.at >= self.line_at else [line(99.0, 0.1)])

    def awaited(self) -> float:
        reporting.await_log(self.look, 100.0, now=self.now, clock=self.clock, pause=self.pause)
        return self.at


def test_the_log_is_awaited_until_the_edge_has_written_what_it_kept() -> None:
    assert Waiting(100.0, line_at=100.2).awaited() == pytest.approx(101.4, abs=0.11)
    assert Waiting(100.0, line_at=102.0).awaited() == pytest.approx(102.0, abs=0.11)


def test_a_line_that_never_comes_is_not_awaited_for_long() -> None:
    assert Waiting(100.0, line_at=1e9).awaited() == pytest.approx(102.5, abs=0.11)


def test_nothing_is_awaited_when_the_hold_is_long_over() -> None:
    late = Waiting(103.0, line_at=1e9)
    assert (late.awaited(), late.looked) == (103.0, 0)


def test_a_clock_that_was_set_back_an_hour_makes_nobody_wait_for_an_hour() -> None:
    before = Waiting(100.0 - 3600, line_at=1e9)  # during the hold
    assert before.awaited() == pytest.approx(102.5 - 3600, abs=0.11)
    assert Waiting(100.0, line_at=1e9, set_by=-3600.0).awaited() == pytest.approx(102.5, abs=0.11)
    assert Waiting(100.0, line_at=102.0, set_by=3600.0).awaited() == pytest.approx(102.0, abs=0.11)


def test_ctrl_c_ends_the_waiting_and_nothing_else() -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    reporting.await_log(lambda: iter(()), 100.0, now=lambda: 100.0, pause=interrupted)
