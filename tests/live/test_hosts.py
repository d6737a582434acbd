"""Hosts of stage 1k are taken out, brought back and built anew while users write."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from typing import Any

import pytest
from tests.live.test_grow_1k import (
    MAX_HOLD_SECONDS,
    held_seconds,
    kill,
    other_edge,
    patient,
)
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.few(1)]
Bring = Callable[[Any], Project]
START_SECONDS = 300


def at_1k(bring: Bring) -> Project:
    project = bring(apps.notes)
    project = patient(Patient.of(project))
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=START_SECONDS)
    until(lambda: failover(project)["in_sync"], "the other member to be in sync", within=120)
    return project


def failover(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.status()["failover"]
    return found


def host(project: Project, *arguments: str) -> str:
    return project.ok("--json", "host", *arguments, timeout=START_SECONDS)


@pytest.mark.always
def test_the_leaders_host_is_taken_out_and_comes_back_and_nobody_notices(bring: Bring) -> None:
    project = at_1k(bring)
    refused = project.tenfold("host", "drain", "db1")
    assert refused.returncode == 1
    assert "a commit is on 1 host alone" in " ".join(refused.stderr.split())
    assert failover(project)["leader"] == "db1"
    other = other_edge(project)
    with Users(project, 2) as users, Users(other, 2) as others:
        until(lambda: len(others.acknowledged) > 10, "edge b serves")
        held = held_seconds(host(project, "drain", "db1", "--yes"))
        print(f"requests were held for {held} s, the slowest took {users.longest_seconds:.2f} s")
        assert 0 < held < MAX_HOLD_SECONDS
        told = failover(project)
        assert (told["leader"], told["drained"], told["etcd_agree"]) == ("db2", ["db1"], 2)
        assert host_processes(project, "db1") == []
        assert project.status()["state"] == "degraded", "db2 acknowledges alone"
        assert "tenfold host add db1" in project.ok("status")
        assert "a move between stages takes every host" in refusal(project, "shrink", "--to", "100")
        assert "nobody could agree" in refusal(project, "host", "drain", "arbiter")
        project.ok("deploy")
        host(project, "add", "db1")
        told = failover(project)
        assert (told["leader"], told["in_sync"], told["drained"]) == ("db2", ["db1"], [])
        assert told["etcd_agree"] == 3
    assert users.failures == others.failures == []
    notes = project.get("/notes").json()
    assert {*users.acknowledged, *others.acknowledged} <= set(notes)
    (report,) = (project.path / ".tenfold/reports").glob("*-drain-db1*.json")
    assert json.loads(report.read_text())["host"] == "db1"


def test_a_change_of_leaders_that_is_interrupted_while_nobody_leads_fails_nothing(
    bring: Bring,
) -> None:
    """The command lets go of its hold; the failover keepers of both zones have theirs."""
    project = at_1k(bring)
    other = other_edge(project)
    logs = [project.path / f".tenfold/hosts/{app}/logs/failover.log" for app in ("app1", "app2")]

    def holds() -> list[int]:
        return [log.read_text().count("hold :") for log in logs]

    with Users(project, 2) as users, Users(other, 2) as others:
        until(lambda: len(others.acknowledged) > 10, "edge b serves")
        before = holds()
        draining = project.start("host", "drain", "db1", "--yes")
        until(lambda: holds() != before, "a keeper to see that nobody leads", within=120)
        draining.send_signal(signal.SIGINT)
        said = draining.communicate(timeout=60)
        assert draining.returncode != 0, said
        seen = len(users.acknowledged), len(others.acknowledged)
        until(lambda: len(users.acknowledged) > seen[0] + 20, "users to be served")
        until(lambda: len(others.acknowledged) > seen[1] + 20, "those of zone b, too")
        project.ok("resume", timeout=START_SECONDS)
        told = failover(project)
        assert (told["leader"], told["drained"]) == ("db2", ["db1"])
    print(f"the slowest took {users.longest_seconds:.2f} and {others.longest_seconds:.2f} s")
    assert users.failures == others.failures == []
    notes = project.get("/notes").json()
    assert {*users.acknowledged, *others.acknowledged} <= set(notes)


def refusal(project: Project, *command: str) -> str:
    done = project.tenfold(*command)
    assert done.returncode == 1, done.stdout
    return " ".join(done.stderr.split())


def test_an_app_host_is_taken_out_and_the_other_zone_serves(bring: Bring) -> None:
    project = at_1k(bring)
    other = other_edge(project)
    with Users(project, 2) as users:
        with Users(other, 2) as others:
            until(lambda: len(others.acknowledged) > 10, "edge b serves")
            with others.harmed_by("its address is left"):
                host(project, "drain", "app2", "--yes")
                others.leave()
        # Whoever had reached it was answered; who comes later is refused, and goes elsewhere. Who
        # comes in the very moment in which nginx stops to listen may be cut off.
        cut_off = [how for how in others.excused if "refused" not in how.lower()]
        moments = ("reset", "closed connection without response")
        assert all(any(m in how for m in moments) for how in cut_off), cut_off
        assert len(cut_off) <= 2, "once a user"
        assert "edges" not in project.status(), "there is one alone"
        assert project.status()["state"] == "running"
        project.ok("deploy")
        host(project, "add", "app2")
        with Users(other, 2) as others_again:
            until(lambda: len(others_again.acknowledged) > 10, "edge b serves again")
        assert others_again.failures == []
    assert users.failures == []
    # All of them write notes of the same names.
    assert set(users.acknowledged) <= set(project.get("/notes").json())


def test_a_host_that_lost_its_data_is_built_anew(bring: Bring) -> None:
    project = at_1k(bring)
    with Users(project, 2) as users:
        with users.harmed_by("db1"):
            kill(host_processes(project, "db1"))
            seen = len(users.acknowledged)
            until(lambda: len(users.acknowledged) > seen + 10, "writes go on at db2", within=90)
        shutil.rmtree(project.path / ".tenfold/hosts/db1")
        host(project, "replace", "db1", "--yes")
        told = failover(project)
        assert (told["leader"], told["in_sync"], told["etcd_agree"]) == ("db2", ["db1"], 3)
        host(project, "replace", "arbiter", "--yes")
        assert failover(project)["etcd_agree"] == 3
    assert users.failures == []
    assert set(users.acknowledged) <= set(project.get("/notes").json())


def engine(project: Project, name: str, engine: str) -> list[int]:
    """The processes of this engine's units on this host."""
    units = [u for h in project.status()["hosts"] if h["name"] == name for u in h["units"]]
    return [unit["pid"] for unit in units if unit["engine"] == engine and unit["pid"]]


def test_a_member_of_etcd_without_its_data_stays_away_until_it_joins_anew(bring: Bring) -> None:
    project = at_1k(bring)
    hosts = project.path / ".tenfold/hosts"
    with Users(project, 2) as users:
        kill(host_processes(project, "arbiter"))
        shutil.rmtree(hosts / "arbiter")
        assert "tenfold host replace arbiter" in refusal(project, "up", "-d")
        assert failover(project)["etcd_agree"] == 2
        host(project, "replace", "arbiter", "--yes")
        assert failover(project)["etcd_agree"] == 3
        (etcd,) = engine(project, "db2", "etcd")
        os.kill(etcd, signal.SIGSTOP)  # else it writes what is being deleted
        shutil.rmtree(hosts / "db2/data/etcd/member")
        os.kill(etcd, signal.SIGKILL)
        until(lambda: failover(project)["lost_etcd"] == ["db2"], "it to be told", within=60)
        assert "tenfold host replace db2" in project.ok("status")
        assert failover(project)["leader"] == "db1"
        host(project, "replace", "db2", "--yes")
        told = failover(project)
        assert (told["leader"], told["in_sync"], told["etcd_agree"]) == ("db1", ["db2"], 3)
        assert told["lost_etcd"] == []
    assert users.failures == []
    users.require_nothing_lost()


def test_one_that_was_cut_off_goes_on_or_is_taken_back(bring: Bring) -> None:
    project = at_1k(bring)
    with Users(project, 2) as users:
        cut = project.start("host", "drain", "db1", "--yes")
        until(lambda: project.status()["transition"] is not None, "it has begun")
        cut.kill()
        cut.communicate()
        # Whoever stood by lets requests go on first.
        resume = "resume", "tenfold host drain db1"
        until(lambda: failover(project)["cut_off"] == resume[1], "nobody to be at it", within=60)
        assert "tenfold resume goes on with it" in project.ok("status")
        assert "was cut off" in refusal(project, "host", "add", "db1")
        project.ok(resume[0], timeout=START_SECONDS)
        assert failover(project)["leader"] == "db2"
        assert failover(project)["drained"] == ["db1"]
    assert users.failures == []
    users.require_nothing_lost()
