"""Everyday commands at stage 1k: migrations, psql, deploys while a host is away, an upgrade."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.live.test_deploy import change
from tests.live.test_grow_1k import Patient, kill, patient
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.moves import wait_for_answers
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
ENGINES = ("patroni", "etcd", "nginx", "database_endpoint", "failover")


def diary(folder: Path) -> Project:
    """With people who wait for longer than an election takes, on a machine that may be busy."""
    return patient(Patient.of(apps.diary(folder)))


def migrate(project: Project, statement: str) -> None:
    script = project.path / "migrate.py"
    script.write_text(f'{script.read_text()}\n    db.execute("{statement}")\n')


def selected(project: Project, query: str) -> str:
    return project.ok("psql", "--", "-Atc", query).strip()


def pids(project: Project) -> dict[str, int]:
    return {
        f"{host['name']}/{unit['name']}": unit["pid"]
        for host in project.status()["hosts"]
        for unit in host["units"]
        if unit["engine"] in ENGINES
    }


def test_migrations_go_to_whoever_leads_and_an_upgrade_restarts_all_one_by_one(
    bring: Bring,
) -> None:
    project = bring(diary)
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=400)
    until(lambda: project.status()["failover"]["in_sync"], "the other member to be in sync")
    with Users(project, 2) as users:
        migrate(project, "alter table notes add column if not exists more text")
        change(project, "two")
        project.ok("deploy", timeout=300)
        wait_for_answers(users)
        assert users.failures == []
        with users.harmed_by("db1"):
            kill(host_processes(project, "db1"))
            seen = len(users.acknowledged)
            until(lambda: len(users.acknowledged) > seen + 4, "writes at db2", within=90)
        assert selected(project, "select pg_is_in_recovery()") == "f"
        migrate(project, "alter table notes add column if not exists again text")
        change(project, "three")
        project.ok("deploy", timeout=400)
        wait_for_answers(users)
        columns = "select count(*) from information_schema.columns where table_name = 'notes'"
        assert selected(project, columns) == "4"
        until(lambda: project.status()["failover"]["in_sync"] == ["db1"], "db1 to follow again")
        # From either side: files are made as if the first one led, and the app follows who does.
        for leads in ("db2", "db1"):
            assert project.status()["failover"]["leader"] == leads
            before = pids(project)
            project.ok("upgrade", "--restart", timeout=600)
            wait_for_answers(users)
            assert users.failures == []
            after = pids(project)
            same = {path for path, pid in before.items() if after.get(path) == pid}
            assert not same, f"not restarted: {same}"
            until(lambda: project.status()["failover"]["in_sync"], "the other one to follow again")
    assert users.failures == []
    assert set(users.acknowledged) <= set(project.get("/notes").json())
