"""From stage 100 to 1k and back while users write, and a leader's host that dies there."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.few(1)]
Bring = Callable[[Any], Project]
MAX_HOLD_SECONDS = 14.0
"""Of these tests, which may run on a machine that is busy with others."""
MOST_IN_HAND = 1
"""Each user sends one request after the other."""


def patient(project: Patient) -> Patient:
    """One whose requests may wait for long while leaders change."""
    spec = project.path / "tenfold.toml"
    spec.write_text(f'{spec.read_text()}\n[transition]\nmax_hold = "{MAX_HOLD_SECONDS:g}s"\n')
    return project


def at_100(bring: Bring) -> Project:
    project = bring(apps.notes)
    project = patient(Patient.of(project))
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port))
    return project


def other_edge(project: Project) -> Project:
    other = next(e for e in project.status()["edges"] if e["zone"] == "b")
    return replace(project, address=str(urlsplit(other["url"]).hostname))


def server_pid(project: Project) -> int:
    """The postmaster of db1, whoever looks after it."""
    folder = project.path / ".tenfold/hosts/db1/data/postgres"
    (file,) = folder.rglob("postmaster.pid")
    return int(file.read_text().split()[0])


def kill(lost: list[psutil.Process]) -> None:
    """kill -9 of all of it, so that nobody gets to tell or to replace anybody."""
    for process in lost:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    for process in lost:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(lost, timeout=20)


def held_seconds(told: str) -> float:
    """From what a command said with --json: for how long requests waited."""
    done = next(e for e in map(json.loads, told.splitlines()) if e.get("event") == "done")
    return float(done["held_seconds"])


def longest_without_a_write(users: Users, since: float) -> float:
    """Seconds between two acknowledged writes, at the most, from then on; both by the clock."""
    moments = sorted(users.acknowledged_at.values())
    near = [max(m for m in moments if m <= since), *(m for m in moments if m > since)]
    return max(later - earlier for earlier, later in itertools.pairwise(near))


@pytest.mark.always
def test_there_and_back_while_users_write_and_the_server_is_the_same(bring: Bring) -> None:
    project = at_100(bring)
    before = server_pid(project)
    with Users(project, 2) as users:
        project.ok("grow", "--to", "1k", timeout=300)
        assert project.status()["stage"] == "1k"
        told = project.status()["failover"]
        assert (told["leader"], told["in_sync"]) == ("db1", ["db2"])
        assert told["etcd"] == {"db1": True, "db2": True, "arbiter": True}
        assert (told["etcd_agree"], told["etcd_members"]) == (3, 3)
        assert told["away"] == told["full"] == []
        assert (told["drained"], told["cut_off"]) == ([], None)
        assert server_pid(project) == before
        project.ok("reverse", timeout=300)
        assert project.status()["stage"] == "100"
        assert server_pid(project) == before
    assert users.failures == []
    users.require_nothing_lost()


def test_a_leaders_host_dies_and_comes_back_and_the_move_is_taken_back(bring: Bring) -> None:
    project = at_100(bring)
    project.ok("grow", "--to", "1k", timeout=300)
    other = other_edge(project)
    with Users(project, 2) as users, Users(other, 2) as others:
        until(lambda: len(others.acknowledged) > 10, "edge b serves")
        with users.harmed_by("db1"), others.harmed_by("db1"):
            at = time.time()
            kill(host_processes(project, "db1"))
            seen, beside = len(users.acknowledged), len(others.acknowledged)
            until(lambda: len(users.acknowledged) > seen + 10, "writes go on at db2", within=90)
            until(lambda: len(others.acknowledged) > beside + 10, "in both zones", within=90)
        gaps = [longest_without_a_write(one, at) for one in (users, others)]
        print(f"longest without a write: {gaps}")
        assert max(gaps) < 10, "its lease would have been 20 s"
        assert len(users.excused) <= 2 * MOST_IN_HAND, users.excused
        assert len(others.excused) <= 2 * MOST_IN_HAND, others.excused
        assert project.status()["failover"]["leader"] == "db2"
        assert project.status()["state"] == "degraded"
        others.leave()
        held = held_seconds(project.ok("--json", "reverse", timeout=300))
        print(f"requests were held for {held} s while leaders changed")
        assert 0 < held < MAX_HOLD_SECONDS
        project.ok("abort", timeout=300)
        assert {h["name"] for h in project.status()["hosts"]} == {"app1", "db1"}
        slots = "select count(*) from pg_replication_slots"
        assert project.ok("psql", "--", "-Atc", slots) == "0\n"
    assert others.failures == []
    assert users.failures == []
    kept = set(project.get("/notes").json())
    assert {*users.acknowledged, *others.acknowledged} <= kept


def test_it_begins_there_and_comes_back_after_down(bring: Bring) -> None:
    project = bring(apps.notes)
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port))
    assert project.request("POST", "/notes", body=b"kept").status == 201
    project.ok("deploy")
    project.ok("down")
    project.up()
    assert project.get("/notes").json() == ["kept"]
    until(lambda: project.status()["failover"]["in_sync"], "the other member to be in sync")
    project.ok("shrink", "--to", "100", timeout=300)
    project.ok("complete", "--yes", timeout=200)
    assert project.get("/notes").json() == ["kept"]
    assert {h["name"] for h in project.status()["hosts"]} == {"app1", "db1"}
