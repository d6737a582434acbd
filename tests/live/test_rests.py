"""A command is killed while workers rest: they work again by themselves, and never two at once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.moves import (
    go_on,
    kill_with_rescuer,
    killed_at,
    settle,
    stopped_at,
    wait_for_answers,
)
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import counted, until, workers

from tenfold.transitions.perform.resting import REST_SECONDS

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
SLACK_SECONDS = 20.0

CLOCK = """
    import os
    import signal
    import sys
    import time

    import psycopg

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        while True:
            database.execute("insert into ticks default values")
            time.sleep(0.1)
"""


def ticking(folder: Path) -> Project:
    """The diary, and a scheduler of its author's own beside it: nobody may know of two."""
    project = apps.diary(folder)
    project.write("clock.py", CLOCK)
    migrate = folder / "migrate.py"
    migrate.write_text(
        migrate.read_text()
        + '    db.execute("create table if not exists ticks (at timestamptz default now())")\n'
    )
    with (folder / "tenfold.toml").open("a") as file:
        file.write('\n[workers.clock]\ncommand = "python clock.py"\nsteady = "1s"\n')
    return project


def ticks(project: Project) -> int:
    return int(project.ok("psql", "--", "-Atc", "select count(*) from ticks"))


def rested(project: Project) -> dict[str, Any]:
    """The worker that rests."""
    (unit,) = [u for u in project.units("worker") if u["state"] == "resting"]
    return unit


def works_again(project: Project) -> None:
    until(lambda: workers(project) == {"clock": "running"}, "it to work", REST_SECONDS + 20.0)
    before = ticks(project)
    until(lambda: ticks(project) > before, "it to do something")


def did_by_itself(project: Project) -> list[str]:
    found = [json.loads(line) for line in project.ok("audit", "--json").splitlines()]
    return [deed["what"] for deed in found if deed["outcome"] == "by itself"]


def test_a_killed_deploy_leaves_no_scheduler_at_rest(bring: Bring) -> None:
    project = bring(ticking)
    project.up()
    with Users(project, count=2) as users, counted(project, "clock.py") as clocks:
        assert killed_at(project, "StartWorkers.before", "deploy")
        rests_until = rested(project)["rests_until"]
        assert 0 < rests_until - time.time() <= REST_SECONDS
        said = project.ok("status")
        assert re.search(r"vm1/clock rests, and works again by itself at \d\d:\d\d:\d\d", said)
        works_again(project)
        assert "clock.1.1 works again: nobody has said for 30 s" in project.ok("status")
        assert len(did_by_itself(project)) == 1
        assert "clock.1.1 works again" in project.ok("audit")
        project.ok("deploy")
        assert workers(project) == {"clock": "running"}
    assert users.failures == []
    assert max(clocks) == 1, "it ran twice at once"
    assert len(did_by_itself(project)) == 1
    assert project.status()["state"] == "running"


def test_a_deploy_that_stood_still_for_too_long_starts_no_second_scheduler(bring: Bring) -> None:
    project = bring(ticking)
    project.up()
    with Users(project, count=2) as users, counted(project, "clock.py") as clocks:
        command = stopped_at(project, "StartWorkers.before", "deploy", heard=True)
        assert command is not None
        works_again(project)
        code, said, _ = go_on(command, within=60)
        assert code == 1
        assert re.search(r"clock\.2\.1 may not work beside clock\.1\.1", said)
        assert workers(project) == {"clock": "running"}
        project.ok("deploy")
    assert users.failures == []
    assert max(clocks) == 1, "it ran twice at once"


@pytest.mark.parametrize("point", ["RestWorkers.after", "Fence.before"])
def test_a_move_that_is_killed_before_its_fence_leaves_nobody_at_rest(
    bring: Bring, point: str
) -> None:
    project = bring(ticking)
    project.up()
    with Users(project, count=2) as users, counted(project, "clock.py") as clocks:
        command = stopped_at(project, point, "grow", "--to", "100")
        assert command is not None
        kill_with_rescuer(command)
        works_again(project)
        wait_for_answers(users)
        settle(project)
        wait_for_answers(users)
    assert users.failures == []
    assert max(clocks) == 1, "it ran twice at once"
    works_again(project)
    assert project.status()["stage"] == "100"


@pytest.mark.parametrize("point", ["Fence.after", "Promote.after"])
def test_a_move_that_is_killed_behind_its_fence_wakes_nobody_for_the_old_database(
    bring: Bring, point: str
) -> None:
    project = bring(ticking)
    project.up()
    with Users(project, count=2) as users, counted(project, "clock.py") as clocks:
        command = stopped_at(project, point, "grow", "--to", "100")
        assert command is not None
        with users.harmed_by("nobody made the old database lead again, or the new one"):
            kill_with_rescuer(command)
            over = time.monotonic() + REST_SECONDS + SLACK_SECONDS
            while time.monotonic() < over:
                assert rested(project)["rests_until"] is None
                time.sleep(1.0)
            said = project.ok("status")
            assert "clock rests until the command that was cut off goes on" in said
            settle(project)
        wait_for_answers(users)
    assert users.failures == []
    assert did_by_itself(project) == []
    assert max(clocks) == 1, "it ran twice at once"
    works_again(project)
    users.require_nothing_lost()


def test_a_move_that_stood_still_for_too_long_does_not_fence_under_a_worker(bring: Bring) -> None:
    project = bring(ticking)
    project.up()
    with Users(project, count=2) as users, counted(project, "clock.py") as clocks:
        command = stopped_at(project, "Settle.before", "grow", "--to", "100", heard=True)
        assert command is not None
        works_again(project)
        code, said, _ = go_on(command, within=120)
        assert code == 1, said
        assert "clock.1.1 works again: this command was silent" in said
        assert workers(project) == {"clock": "running"}
        wait_for_answers(users)
        project.ok("resume", timeout=200)
        wait_for_answers(users)
    assert users.failures == []
    assert max(clocks) == 1, "it ran twice at once"
    works_again(project)
    assert project.status()["stage"] == "100"
