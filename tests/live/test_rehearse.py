"""A move is rehearsed on a copy while users write: it measures, and leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from tests.support import apps
from tests.support.moves import (
    kill_with_rescuer,
    require_unharmed,
    stopped_at,
    wait_for_answers,
)
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
SLOTS = "select count(*) from pg_replication_slots"


def left(project: Project) -> list[str]:
    """What there is of a copy: its folder, and every process that has that in view."""
    folder = project.path / ".tenfold" / "rehearsals"
    found = [str(folder)] if folder.exists() else []
    for process in project.processes():
        try:
            seen = " ".join([*process.cmdline(), *process.environ().values()])
        except psutil.Error:
            continue
        if str(folder) in seen:
            found.append(f"{process.pid} {seen}")
    return found


def require_untouched(project: Project) -> None:
    found = project.status()
    assert (found["stage"], found["state"], found["transition"]) == ("10", "running", None)
    assert [host["name"] for host in found["hosts"]] == ["vm1"]
    assert project.ok("psql", "--as", "superuser", "--", "-Atc", SLOTS).strip() == "0"


def test_it_measures_and_leaves_nothing_but_that(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        said = project.ok("rehearse", timeout=600)
        assert left(project) == []
        require_untouched(project)
        wait_for_answers(users)
    assert re.search(r"[1-9]\d* to the copy, 0 failed", said), said
    waited = [int(ms) for ms in re.findall(r"requests waited for at most (\d+) ms", said)]
    assert len(waited) == 2, said
    planned = project.tenfold("plan", "--to", "100")
    assert planned.returncode == 2, planned.stderr
    told = re.search(
        r"requests wait about (\d+) ms \(measured: a rehearsal on \d{4}-\d\d-\d\d\)", planned.stdout
    )
    assert told, planned.stdout
    assert abs(int(told[1]) - max(waited)) <= 1  # both are rounded
    require_unharmed(project, users)


@pytest.mark.timeout(2000)
def test_without_a_stage_the_next_move_is_rehearsed(bring: Bring) -> None:
    project = Patient.of(bring(apps.diary))
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port), timeout=600)
    before = [host["name"] for host in project.status()["hosts"]]
    said = project.ok("rehearse", timeout=1200)
    assert left(project) == []
    assert re.search(r"[1-9]\d* to the copy, 0 failed", said), said
    assert "tenfold plan --to 1k " in said
    found = project.status()
    assert (found["stage"], found["state"], found["transition"]) == ("100", "running", None)
    assert [host["name"] for host in found["hosts"]] == before


@pytest.mark.parametrize("point", ["PrepareDatabase.after", "CatchUp.before", "Hold.after"])
def test_of_one_that_is_killed_nothing_is_left(bring: Bring, point: str) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, point, "rehearse", "--to", "100")
        assert command is not None
        assert left(project)
        command.kill()
        command.wait()
        until(lambda: not left(project), "whoever stands by to remove the copy", within=180)
        require_untouched(project)
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.parametrize("next_one", ["rehearse", "down"])
def test_what_is_left_when_nobody_stands_by_the_next_command_removes(
    bring: Bring, next_one: str
) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "Hold.after", "rehearse", "--to", "100")
        assert command is not None
        kill_with_rescuer(command)
        assert left(project)
        wait_for_answers(users)
        users.leave()
        said = project.ok(next_one, timeout=600)
    assert "removes the copy" in said
    assert left(project) == []
    if next_one == "down":
        project.up()
    require_untouched(project)
    require_unharmed(project, users)
