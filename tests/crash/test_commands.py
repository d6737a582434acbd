"""kill -9 of the command itself, at random moments: the same command again finishes."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.live.test_deploy import change
from tests.support import apps
from tests.support.project import Project
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.few(1)]
Bring = Callable[[Any], Project]


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{request.config.getoption('--seed')} {request.node.name}")


@pytest.fixture
def rounds(request: pytest.FixtureRequest, crash_rounds: int) -> int:
    """One in ``make test``, where it is the seed that says at which moment."""
    return crash_rounds if request.config.getoption("--whole") else 1


def cut_off(project: Project, after: float, *arguments: str) -> None:
    """Start a command and kill it at this moment, if it is still there."""
    command = project.start(*arguments)
    timer = threading.Timer(after, lambda: command.send_signal(signal.SIGKILL))
    timer.start()
    command.communicate()
    timer.cancel()


def up_cut_off(project: Project, after: float) -> None:
    """Killed at this moment; the next one finishes it."""
    cut_off(project, after, "up", "-d", "--port", str(project.port))
    if project.status()["state"] != "running":
        project.up()
    assert project.get("/").status == 200
    assert len(project.units("uvicorn")) == 2


def test_an_interrupted_up_is_finished_by_the_next(
    bring: Bring, moments: random.Random, rounds: int
) -> None:
    project = bring(apps.notes)
    for _ in range(rounds):
        up_cut_off(project, moments.uniform(0.2, 4.0))
        project.ok("down")
        assert project.processes() == []


@pytest.mark.always
def test_an_interrupted_deploy_fails_no_request_and_is_finished_by_the_next(
    bring: Bring, moments: random.Random, rounds: int
) -> None:
    project = bring(apps.notes)
    up_cut_off(project, moments.uniform(0.2, 4.0))
    with Users(project, 2, think_seconds=0.02) as users:
        for turn in range(rounds):
            change(project, f"v{turn}")
            cut_off(project, moments.uniform(0.1, 3.0), "deploy")
            assert project.get("/").status == 200
            project.ok("deploy")
            assert project.get("/").json()["version"] == f"v{turn}"
    assert users.failures == []
    assert sorted(project.get("/notes").json()) == sorted(users.acknowledged)
    deadline = time.monotonic() + 60
    while len(project.units("uvicorn")) != 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(project.units("uvicorn")) == 2, "no workers of cut-off deploys are left"


def test_control_c_during_a_deploy_leaves_the_old_release_alone(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    before = project.status()["release"]
    slow = "import time; time.sleep(5)\n" + (project.path / "notes.py").read_text()
    (project.path / "notes.py").write_text(slow)
    command = project.start("deploy")
    deadline = time.monotonic() + 30
    while not [u for u in project.units("uvicorn") if u["state"] == "starting"]:
        assert time.monotonic() < deadline
    command.send_signal(signal.SIGINT)
    output, _ = command.communicate(timeout=60)
    assert command.returncode == 130, output
    assert project.status()["release"] == before
    assert {u["state"] for u in project.units("uvicorn")} == {"running"}


def test_up_in_the_foreground_stops_everything_at_control_c(bring: Bring) -> None:
    project = bring(apps.notes)
    command = project.start("up", "--port", str(project.port))
    assert command.stdout
    seen: list[str] = []
    for line in command.stdout:
        seen.append(line)
        if "Ctrl-C" in line:
            break
    assert project.get("/").status == 200
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert command.returncode == 0, seen
    assert project.processes() == []
    assert project.status()["state"] == "stopped"
