"""Ctrl-C in the first seconds of the first ``up``: nothing is left of it, the next one works."""

from __future__ import annotations

import signal
import time

import pytest
from tests.live.test_deploy import change
from tests.support import apps
from tests.support.moves import Bring, end, go_on, require_said, stopped_at
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

SLOW = "sleep 97"
POINTS = (
    "EnsureHost.before",
    "EnsureHost.after",
    "BuildRelease.before",
    "BuildRelease.after",
    "StartUnit.before",
    "StartUnit.after",
    "PrepareDatabase.before",
    "PrepareDatabase.after",
    "Migrate.before",
    "Migrate.after",
    "WarmPool.before",
    "WarmPool.after",
    "PublishAssets.before",
    "PublishAssets.after",
)
"""All steps before the release serves: from the handover on nothing is taken back."""
ENDS_SECONDS = 60.0


@pytest.mark.always
def test_while_the_release_is_built_nothing_is_left_of_it(bring: Bring) -> None:
    project = bring(apps.notes)
    file = project.path / "tenfold.toml"
    before = file.read_text()
    file.write_text(f'{before}\n[release]\nbuild = "{SLOW}"\n')
    command = project.start("up", "-d", "--json", "--port", str(project.port))
    assert command.stdout is not None
    for line in command.stdout:
        if f"building: {SLOW}" in line:
            break
    for _ in range(3):  # who is impatient is told the same
        command.send_signal(signal.SIGINT)
    code, said, seconds = go_on(command, within=ENDS_SECONDS)
    require_left_nothing(project, code, said)
    assert seconds < ENDS_SECONDS / 2, "the build was not waited for"
    file.write_text(before)
    project.up()
    assert project.get("/").status == 200


def test_at_every_step_nothing_is_left_of_it(bring: Bring) -> None:
    project = bring(apps.diary)
    for number, point in enumerate(POINTS):
        kind = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[number % 3]
        change(project, point)  # or it would be built already
        command = stopped_at(project, point, "up", "-d", "--port", str(project.port), heard=True)
        assert command is not None
        try:
            command.send_signal(kind)
            code, said, _ = go_on(command, within=ENDS_SECONDS)
        finally:
            end(command)
        require_left_nothing(project, code, f"{point}\n{said}")
    project.up()
    assert project.get("/").status == 200


def require_left_nothing(project: Project, code: int, said: str) -> None:
    assert code == 130, said
    require_said(said, "up was interrupted", "nothing: what was started is stopped again")
    deadline = time.monotonic() + 10
    while left := project.processes():
        assert time.monotonic() < deadline, f"{left}\n{said}"
        time.sleep(0.1)
    status = project.status()
    assert status["state"] == "stopped", f"{status}\n{said}"
    assert status["transition"] is None, f"{status}\n{said}"
