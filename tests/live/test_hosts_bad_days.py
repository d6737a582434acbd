"""Commands on hosts at stage 1k that are cut off, given up, or overtaken by a failover."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import AbstractContextManager, closing
from typing import Any

import pytest
from tests.live.test_bad_days_1k import paused, pid_of
from tests.live.test_grow_1k import kill
from tests.live.test_hosts import (
    START_SECONDS,
    Bring,
    at_1k,
    failover,
    host,
    refusal,
)
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.care import Member
from tests.support.moves import (
    go_on,
    killed_at,
    require_said,
    settle,
    stopped_at,
    wait_for_answers,
)
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

from tenfold.deployment import hosts
from tenfold.deployment.deployment import Deployment
from tenfold.errors import TenfoldError
from tenfold.state.layout import Layout

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200), pytest.mark.few(0)]
WAITS = '\n[transition]\nmax_hold = "45s"\n[edge]\nhold = "60s"\n'
"""So that who is let go is told from whose hold has come to its end."""
SOON_SECONDS = 25.0
"""After which nobody waits any more behind what was killed: much less than the bound above."""


@pytest.mark.parametrize("point", ["SwitchOver.before", "ExcuseMember.after", "StopHost.after"])
def test_a_drain_that_was_cut_off_is_taken_back(point: str, bring: Bring) -> None:
    project = at_1k(bring)
    with Users(project, 2) as users:
        assert killed_at(project, point, "host", "drain", "db1", "--yes")
        settle(project, "abort")
        told = failover(project)
        assert (told["drained"], told["emptied"], told["cut_off"]) == ([], [], None)
        assert sorted([told["leader"], *told["in_sync"]]) == ["db1", "db2"]
        assert told["etcd_agree"] == 3
        wait_for_answers(users)
        host(project, "drain", "db2", "--yes")
        assert failover(project)["leader"] == "db1", "it is counted on again"
    assert users.failures == []
    users.require_nothing_lost()


def test_a_host_that_never_comes_back_is_left_out_and_all_else_goes_on(bring: Bring) -> None:
    project = at_1k(bring)
    place = project.path / ".tenfold/hosts/db1"
    with Users(project, 2) as users:
        with users.harmed_by("db1"):
            kill(host_processes(project, "db1"))
            seen = len(users.acknowledged)
            until(lambda: len(users.acknowledged) > seen + 10, "writes go on at db2", within=90)
        shutil.rmtree(place)
        place.mkdir()
        (place / "data").write_text("a disk on which no host can be made")
        assert "leaves db1 out" in refusal(project, "host", "replace", "db1", "--yes")
        assert "tenfold host replace db1" in project.ok("status")
        refusal(project, "resume")
        project.ok("abort", timeout=START_SECONDS)
        told = failover(project)
        assert (told["leader"], told["etcd_agree"]) == ("db2", 2)
        assert told["drained"] == told["emptied"] == ["db1"]
        assert told["cut_off"] is None
        project.ok("deploy", timeout=START_SECONDS)
        assert "given up" in refusal(project, "host", "add", "db1")
        alone = refusal(project, "upgrade", "--restart")
        assert "no other database is there to lead" in alone
        for said in (project.ok("status"), refusal(project, "drill", "kill-zone", "c"), alone):
            assert "tenfold host replace db1" in said
        (place / "data").unlink()
        host(project, "replace", "db1", "--yes")
        told = failover(project)
        assert (told["leader"], told["in_sync"], told["etcd_agree"]) == ("db2", ["db1"], 3)
        assert told["drained"] == told["emptied"] == []
    assert users.failures == []
    assert set(users.acknowledged) <= set(project.get("/notes").json())


@pytest.mark.parametrize("point", ["RejoinEtcd.after", "AwaitMember.after"])
def test_a_replacement_is_given_up_on_its_way(point: str, bring: Bring) -> None:
    project = at_1k(bring)
    with Users(project, 2) as users:
        assert killed_at(project, point, "host", "replace", "db2", "--yes")
        settle(project, "abort")
        told = failover(project)
        assert told["drained"] == told["emptied"] == ["db2"]
        assert (told["leader"], told["etcd_agree"]) == ("db1", 2)
        assert host_processes(project, "db2") == []
        left = project.path / ".tenfold/hosts/db2/data"
        assert not (left / "postgres").exists()
        assert not (left / "etcd").exists()
        host(project, "replace", "db2", "--yes")
        told = failover(project)
        assert (told["leader"], told["in_sync"], told["etcd_agree"]) == ("db1", ["db2"], 3)
    assert users.failures == []
    users.require_nothing_lost()


def test_what_was_planned_for_another_leader_is_not_done_to_whoever_leads_by_now(
    bring: Bring,
) -> None:
    project = at_1k(bring)
    deployment = Deployment.existing(Layout(project.path))
    with closing(deployment.journal), Users(project, 2) as users:
        shown = hosts.look(deployment, hosts.begun(deployment, "replace", "db2"))
        with users.harmed_by("db1"):
            (server,) = Member(project, "db1").pids("PostgreSQL")
            os.kill(server, signal.SIGKILL)
            until(lambda: failover(project)["leader"] == "db2", "db2 to lead", within=90)
            wait_for_answers(users)
        data = Member(project, "db2").postmaster()
        with (
            deployment.working("host replace"),
            pytest.raises(TenfoldError, match="does not lead any more: db2 does"),
        ):
            hosts.carry_out(deployment, shown, Deaf(), hosts.Walk())
        assert Member(project, "db2").postmaster() == data, "it was not stopped"
        until(lambda: failover(project)["in_sync"] == ["db1"], "db1 to be in sync", within=120)
        project.ok("resume", timeout=START_SECONDS)
        told = failover(project)
        assert (told["leader"], told["in_sync"], told["etcd_agree"]) == ("db1", ["db2"], 3)
    assert users.failures == []
    users.require_nothing_lost()


class Deaf:
    """A listener."""

    def __getattr__(self, name: str) -> Any:
        return lambda *told: None


def held(project: Project) -> list[str]:
    """The hosts at which requests wait, asked of them alone."""
    deployment = Deployment.existing(Layout(project.path), stale=True)
    with closing(deployment.journal):
        agents = [deployment.target.reach(name) for name in ("app1", "app2")]
    seen = [agent.observe() for agent in agents if agent is not None]
    return [one.name for one in seen if one.held]


def without_etcd(project: Project) -> AbstractContextManager[None]:
    """While the block runs two of three members stand still."""
    return paused(*(pid_of(project, name, "etcd") for name in ("db1", "arbiter")))


def patient_at_1k(bring: Bring) -> Project:
    project = Patient.of(bring(apps.notes))
    spec = project.path / "tenfold.toml"
    spec.write_text(f"{spec.read_text()}{WAITS}")
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=START_SECONDS)
    until(lambda: failover(project)["in_sync"], "the other member to be in sync", within=120)
    return project


def test_nobody_waits_behind_a_switch_when_etcd_falls_silent(bring: Bring) -> None:
    project = patient_at_1k(bring)
    with Users(project, 2) as users:
        etcd = without_etcd(project)
        command = stopped_at(
            project, "SwitchOver.after", "host", "drain", "db1", "--yes", heard=True
        )
        assert command is not None
        assert held(project) == ["app1", "app2"]
        with etcd:
            os.kill(command.pid, signal.SIGCONT)
            until(lambda: not held(project), "nobody to wait", within=SOON_SECONDS)
            assert command.poll() is None, "it is let go before the journal is told how it ended"
            code, said, _ = go_on(command, within=60)
        assert code == 1
        require_said(said, "the journal is in etcd, which did not answer", "tenfold resume")
        require_said(said, "requests go on, to whoever leads")
        until(lambda: failover(project)["etcd_agree"] == 3, "etcd to agree", within=60)
        wait_for_answers(users)
        settle(project, "resume")
        assert failover(project)["drained"] == ["db1"]
    assert users.failures == []
    assert users.longest_seconds < SOON_SECONDS + 15
    users.require_nothing_lost()


def test_nobody_waits_behind_one_that_was_killed_when_etcd_falls_silent(bring: Bring) -> None:
    project = patient_at_1k(bring)
    with Users(project, 2) as users:
        etcd = without_etcd(project)
        command = stopped_at(project, "SwitchOver.after", "host", "drain", "db1", "--yes")
        assert command is not None
        with etcd:
            command.kill()
            command.wait()
            at = time.monotonic()
            until(lambda: not held(project), "nobody to wait", within=SOON_SECONDS)
            print(f"let go {time.monotonic() - at:.1f} s after it was killed")
        until(lambda: failover(project)["etcd_agree"] == 3, "etcd to agree", within=60)
        wait_for_answers(users)
        settle(project, "abort")
        assert failover(project)["drained"] == []
    assert users.failures == []
    users.require_nothing_lost()
