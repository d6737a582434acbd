"""kill -9 of a restore in the place of what runs, at every step: it goes on, or is given up.

``make test`` takes some of the points, which the seed chooses; ``make crash`` all.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.support import backups
from tests.support.backups import at, kept
from tests.support.moves import killed_at
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
POINTS = [
    f"{step}.{when}"
    for step in ("BringBeside", "Hold", "Exchange", "WarmPool", "Handover")
    for when in ("before", "after")
]
SOME = 3


def notes(project: Project) -> list[str]:
    found = project.get("/notes").json()
    assert isinstance(found, list)
    return found


def add(project: Project, text: str) -> None:
    assert project.request("POST", "/notes", body=text.encode()).status == 201


def settled(project: Project, *command: str) -> str:
    """A command, once whoever stood by has let requests go on and is gone."""
    deadline = time.monotonic() + 60
    while (done := project.tenfold(*command, timeout=300)).returncode != 0:
        assert "at work" in done.stderr, done.stdout + done.stderr
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return done.stdout


@pytest.fixture
def points(request: pytest.FixtureRequest) -> Sequence[str]:
    if request.config.getoption("--whole"):
        return POINTS
    chance = random.Random(request.config.getoption("--seed"))
    return chance.sample(POINTS, SOME)


def test_killed_at_every_step_it_goes_on_and_can_be_taken_back(
    bring: Bring, points: Sequence[str]
) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    add(project, "wanted")
    time.sleep(1.1)  # the moment is a second of its own
    moment = time.time()
    time.sleep(1.1)
    add(project, "not wanted")
    project.ok("psql", "--as", "superuser", "--", "-c", "select pg_switch_wal()")
    backups.wait_until_recoverable(project, moment, within=120)
    for point in points:
        assert killed_at(project, point, "db", "restore", "--to", at(moment)), point
        settled(project, "resume")
        assert notes(project) == ["wanted"], point
        project.ok("reverse", timeout=300)
        assert notes(project) == ["wanted", "not wanted"], point
        project.ok("complete", "--yes", timeout=300)
        data = project.path / ".tenfold/hosts/vm1/data/postgres"
        assert [p.name for p in data.iterdir()] == ["cluster"], point
    for point in ("BringBeside.after", "Exchange.after"):
        assert killed_at(project, point, "db", "restore", "--to", at(moment)), point
        settled(project, "abort")
        assert notes(project) == ["wanted", "not wanted"], point
        assert project.tenfold("complete", "--yes").returncode == 1, "nothing is open any more"
    assert killed_at(project, "Exchange.before", "db", "restore", "--to", at(moment))
    settled(project, "resume")
    assert killed_at(project, "RemoveBeside.before", "complete", "--yes")
    settled(project, "resume")
    assert notes(project) == ["wanted"]
    assert project.status()["restore"] is None
