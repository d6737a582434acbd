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
    kill_with_rescuer,
    killed_at,
    require_said,
    require_unharmed,
    settle,
    stopped_at,
    victims,
    wait_for_answers,
)
from tests.support.project import Project
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]
REMOVING = ("RemoveData.before", "RemoveData.aside")


def half_delete(project: Project, left: str) -> None:
    """Go on with a deletion that was begun, as far as the first file that somebody looks for."""
    for cluster in (project.path / ".tenfold" / left).glob("**/cluster"):
        (cluster / "PG_VERSION").unlink()
        (cluster / "global/pg_control").unlink()


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
    assert [h["name"] for h in project.status()["hosts"]] == ["vm1"]
    require_unharmed(project, users)


def test_a_copy_is_compared_before_it_leads_also_by_whoever_goes_on(bring: Bring) -> None:
    """It is no new one any more then, but nobody has compared it: here it differs."""
    project = bring(apps.diary)
    project.up()
    project.ok("psql", "--", "-Atc", "create table old as select generate_series(1, 9999) as n")
    # So that nobody writes its pages again, to whom it is new: that would mend them on the copy.
    project.ok("psql", "--", "-Atc", "vacuum (freeze) old")
    project.ok("psql", "--as", "superuser", "--", "-Atc", "checkpoint")
    file = project.ok("psql", "--", "-Atc", "select pg_relation_filepath('old')").strip()
    with Users(project, 2) as users:
        assert killed_at(project, "CatchUp.before", "grow", "--to", "100")
        (copy,) = (project.path / ".tenfold/hosts/db1/data").glob(f"**/{file}")
        with copy.open("r+b") as pages:
            pages.seek(3 * 8192 + 4000)
            pages.write(b"\xff" * 16)
        refused = project.tenfold("resume", timeout=200)
        assert refused.returncode == 1, refused.stdout + refused.stderr
        require_said(refused.stdout + refused.stderr, "public.old", "vm1/postgres leads")
        settle(project, "abort")
        wait_for_answers(users)
    assert [h["name"] for h in project.status()["hosts"]] == ["vm1"]
    require_unharmed(project, users)


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
    require_unharmed(project, users)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("after", ["resume", "abort"])
def test_a_machine_that_fails_just_when_it_was_fenced_does_not_stay_read_only(
    bring: Bring, after: str
) -> None:
    """Its PostgreSQL comes back by itself, as one that follows nobody."""
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "Fence.told", "grow", "--to", "100")
        assert command is not None
        (database,) = victims(project, "old database", growing=True)
        with users.harmed_by("its database"):
            kill_with_rescuer(command)
            os.kill(database, signal.SIGKILL)
            deadline, query = time.monotonic() + 60, "select pg_is_in_recovery()"
            while project.tenfold("psql", "--", "-Atc", query).stdout != "t\n":
                assert time.monotonic() < deadline
            settle(project, after)
            wait_for_answers(users)
        wait_for_answers(users)
    assert project.status()["stage"] == ("100" if after == "resume" else "10")
    users.require_nothing_lost()


@pytest.mark.sampled(1)
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


@pytest.mark.sampled(1)
@pytest.mark.parametrize("point", ["StopUnit.after", "DropSlot.after", *REMOVING])
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
        assert "writes go to db1/postgres" in refused.stderr, refused.stderr
        half_delete(project, "hosts/vm1/data/postgres.removed")
        settle(project)
    assert project.status()["transition"] is None
    assert not (project.path / ".tenfold/hosts/vm1/data/postgres.removed").exists()
    assert project.ok("psql", "--", "-Atc", "select count(*) from pg_replication_slots") == "0\n"
    require_unharmed(project, users)


def test_an_abort_that_was_killed_while_it_deleted_the_host_is_finished(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        project.ok("grow", "--to", "100", "--prepare-only", timeout=200)
        assert killed_at(project, "RemoveHost.aside", "abort")
        half_delete(project, "hosts/.removed/db1")
        settle(project, "abort")
        wait_for_answers(users)
    assert [h["name"] for h in project.status()["hosts"]] == ["vm1"]
    assert not (project.path / ".tenfold/hosts/.removed").exists()
    require_unharmed(project, users)
