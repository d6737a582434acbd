"""Stage 1k with a database in each of three zones: a commit waits for one other, whichever."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest
from tests.live.test_grow_1k import kill, longest_without_a_write, patient
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.care import Member, witnessed
from tests.support.moves import wait_for_answers
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
LONGEST_WITHOUT_A_FOLLOWER = 5.0
"""Seconds, on a busy machine; of a follower that is waited for it would be the lease at least."""
PAUSE_SECONDS = 12.0


def at_100(bring: Bring) -> Project:
    project = patient(Patient.of(bring(apps.notes)))
    spec = project.path / "tenfold.toml"
    spec.write_text(f"{spec.read_text()}\n[zones]\ndatabases = 3\n")
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port))
    return project


def failover(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.status()["failover"]
    return found


def all_follow(project: Project, leader: str) -> None:
    def well() -> bool:
        told = failover(project)
        others = {"db1", "db2", "db3"} - {leader}
        return (
            told["leader"] == leader
            and project.status()["state"] == "running"
            and not (others - set(told["in_sync"]))
        )

    until(well, f"everybody to follow {leader}", within=120)


def test_there_a_follower_is_silent_the_leader_dies_and_back(bring: Bring) -> None:
    project = at_100(bring)
    with Users(project, 2) as users:
        project.ok("grow", "--to", "1k", timeout=400)
        all_follow(project, "db1")
        with witnessed(project):
            paused(project, "db2", users)
            all_follow(project, "db1")
            with users.harmed_by("db1"):
                kill(host_processes(project, "db1"))
                seen = len(users.acknowledged)
                until(lambda: len(users.acknowledged) > seen + 10, "writes to go on", within=90)
            leader = failover(project)["leader"]
            assert leader in ("db2", "db3")
            project.ok("up", "-d", timeout=300)
            all_follow(project, leader)
        # The way back: while others could be elected, commits wait for one of them.
        project.ok("reverse", timeout=400)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    assert users.failures == []
    users.require_nothing_lost()


def paused(project: Project, host: str, users: Users) -> None:
    """Stop all of a follower; nobody waits for it, since another one has each commit."""
    since, stopped = time.time(), _processes(project, host)
    for process in stopped:
        process.suspend()
    try:
        time.sleep(PAUSE_SECONDS)  # so long is what is tried; no condition
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    assert longest_without_a_write(users, since) < LONGEST_WITHOUT_A_FOLLOWER
    assert failover(project)["leader"] == "db1"


def _processes(project: Project, host: str) -> list[psutil.Process]:
    member = Member(project, host)
    pids = [pid for what in ("leash", "guard", "Patroni") for pid in member.pids(what)]
    servers = [psutil.Process(pid) for pid in member.pids("PostgreSQL")]
    children = [child for server in servers for child in server.children(recursive=True)]
    return [*map(psutil.Process, pids), *servers, *children]
