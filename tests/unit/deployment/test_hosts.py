"""What somebody agreed to is what is done to a host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tenfold.deployment.deployment import Deployment
from tenfold.deployment.hosts import Look, require_same, told_of
from tenfold.errors import JournalError, Refused, StepFailed
from tenfold.state.layout import Layout
from tenfold.transitions import steps as st
from tenfold.transitions.hosting import FACT, HostMove
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.switching import TO_WHOEVER_LEADS
from tenfold.transitions.planner import Plan
from tenfold.transitions.steps import cluster

COSTS = ("what db1 has of the database and of etcd is deleted, and copied from the others",)
GONE = st.RemoveData("db1/postgres", "db2/postgres")


def look(*steps: st.Step, costs: tuple[str, ...] = COSTS) -> Look:
    intent: Any = None
    return Look(HostMove("replace", "db1", 0.0), intent, Plan("host replace", steps), costs)


def test_the_same_plan_is_carried_out() -> None:
    require_same(look(GONE), look(GONE))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (look(cluster.SwitchOver("db1/postgres", "db2/postgres"), GONE), "+ have db2/postgres"),
        (look(st.RemoveData("db1/postgres", "db3/postgres")), "the same steps"),
        (look(GONE, costs=(*COSTS, "figures rest")), "+ figures rest"),
        (look(costs=()), "- delete the data of db1/postgres"),
    ],
)
def test_another_one_is_refused_and_says_what_differs(now: Look, told: str) -> None:
    with pytest.raises(Refused, match="has changed since the plan was shown") as caught:
        require_same(look(GONE), now)
    assert told in (caught.value.detail or "")
    assert "tenfold host replace db1" in (caught.value.next or "")


def test_who_was_interrupted_is_told_what_is_not_refused() -> None:
    told = told_of(KeyboardInterrupt(), HostMove("drain", "db1", 0.0), Evidence())
    assert told.exit_code == 130
    assert told.next is not None
    assert "again" not in told.next
    assert [line.split()[1] for line in told.next.splitlines()] == ["resume", "abort"]


def test_a_step_that_failed_says_first_what_helps_and_then_how_it_goes_on() -> None:
    failed = StepFailed("no room", next="make room on the disk of db2")
    lines = (told_of(failed, HostMove("replace", "db1", 0.0), Evidence()).next or "").splitlines()
    assert lines[0] == "make room on the disk of db2"
    assert "leaves db1 out" in lines[-1]
    again = StepFailed("late", next="tenfold resume    waits longer")
    assert (
        told_of(again, HostMove("drain", "db1", 0.0), Evidence()).next
        == "tenfold resume    waits longer"
    )


def test_once_patroni_was_asked_it_is_told_where_requests_go() -> None:
    silent = JournalError("etcd is silent", changed="it was not begun")
    told = told_of(silent, HostMove("drain", "db1", 0.0), Evidence(ordered=True))
    assert told.changed == f"it was not begun\n{TO_WHOEVER_LEADS}"
    assert told_of(told, HostMove("drain", "db1", 0.0), Evidence(ordered=True)).changed == (
        f"it was not begun\n{TO_WHOEVER_LEADS}"
    )


def test_what_another_command_is_at_is_not_told_as_cut_off(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").write_text('name = "shop"\napp = "shop:app"\n')
    deployment = Deployment.open(Layout(tmp_path))
    deployment.journal.set(FACT, HostMove("drain", "db1", 0.0).to_json())
    with deployment.lock.hold("tenfold host drain"):
        assert "tenfold host drain" in refusal(tmp_path, "host", "add", "db1")
        assert "was cut off" not in refusal(tmp_path, "host", "add", "db1")
    assert "tenfold host drain db1 was cut off" in refusal(tmp_path, "host", "add", "db1")


def refusal(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "tenfold", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    return " ".join(done.stderr.split())
