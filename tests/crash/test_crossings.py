"""kill -9 of a command that moves the database, at named points, while users read and write.

Requests must go on by themselves, whoever is left; ``resume`` finishes; nothing is lost.
"""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest
from tests.support import apps
from tests.support.moves import (
    Bring,
    killed_at,
    require_unharmed,
    settle,
    stopped_at,
    wait_for_answers,
)
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]
EVERY_POINT = [
    f"{kind}.{when}"
    for kind in (
        *("EnsureSlot", "StartUnit", "CatchUp", "WarmPool", "Settle", "Hold", "Fence"),
        *("AwaitLast", "Promote", "Handover", "Follow"),
    )
    for when in ("before", "after")
]
SAMPLE = ["Hold.after", "Fence.after", "Promote.after"]


def test_a_command_killed_at_any_point_of_a_move_loses_nothing(
    bring: Bring, crash_rounds: int
) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        for point in EVERY_POINT if crash_rounds > 5 else SAMPLE:
            there = project.status()["stage"] == "10"
            killed_at(project, point, *(["grow", "--to", "100"] if there else ["reverse"]))
            wait_for_answers(users)
            settle(project)
            assert project.status()["stage"] == ("100" if there else "10"), point
            wait_for_answers(users)
    assert users.failures == []
    assert sorted(project.get("/notes").json()) == sorted(users.acknowledged)


def test_a_move_that_was_killed_can_be_given_up(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        assert killed_at(project, "AwaitLast.before", "grow", "--to", "100")
        wait_for_answers(users)
        deadline = time.monotonic() + 60
        while (done := project.tenfold("abort", timeout=200)).returncode != 0:
            assert "at work" in done.stderr, done.stdout + done.stderr
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert users.failures == []
    assert [h["name"] for h in project.status()["hosts"]] == ["vm1"]
    assert sorted(project.get("/notes").json()) == sorted(users.acknowledged)


def test_without_anybody_left_the_agent_ends_the_hold_by_itself(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "Hold.after", "grow", "--to", "100")
        assert command is not None
        for child in psutil.Process(command.pid).children():
            child.kill()
        command.send_signal(signal.SIGKILL)
        command.wait()
        wait_for_answers(users)
        settle(project)
    assert users.failures == []
    assert sorted(project.get("/notes").json()) == sorted(users.acknowledged)


@pytest.mark.parametrize("point", ["Hold.after", "Fence.after", "Promote.after"])
def test_a_command_that_stands_still_while_requests_wait_is_ended(bring: Bring, point: str) -> None:
    """SIGSTOP, or a terminal that takes no more output: it cannot even be told to give up."""
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, point, "grow", "--to", "100")
        assert command is not None
        wait_for_answers(users)
        assert command.wait(timeout=30) == -signal.SIGKILL
        settle(project)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.parametrize("point", ["StopUnit.after", "DropSlot.after", "RemoveData.before"])
def test_a_complete_that_was_killed_is_finished_and_cannot_be_given_up(
    bring: Bring, point: str
) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        project.ok("grow", "--to", "100", timeout=200)
        assert killed_at(project, point, "complete", "--yes")
        refused = project.tenfold("abort")
        assert "cannot be taken back" in refused.stderr, refused.stderr
        settle(project)
    assert users.failures == []
    assert project.status()["transition"] is None
    assert project.ok("psql", "--", "-Atc", "select count(*) from pg_replication_slots") == "0\n"
    assert sorted(project.get("/notes").json()) == sorted(users.acknowledged)


def test_engines_and_agents_killed_in_the_middle_of_a_move_lose_nothing(bring: Bring) -> None:
    """While the command stands still before the switch: kill -9, and it goes on."""
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "Settle.before", "grow", "--to", "100")
        assert command is not None
        try:
            for engine, host in (("tenfold", "vm1"), ("tenfold", "db1"), ("postgresql", "db1")):
                for unit in next(h for h in project.status()["hosts"] if h["name"] == host)[
                    "units"
                ]:
                    if unit["engine"] == engine:
                        os.kill(unit["pid"], signal.SIGKILL)
        finally:
            command.send_signal(signal.SIGCONT)
        assert command.wait(timeout=200) in (0, 1)
        wait_for_answers(users)
        settle(project)
        assert project.status()["stage"] == "100"
    assert users.failures == []
    assert sorted(project.get("/notes").json()) == sorted(users.acknowledged)
