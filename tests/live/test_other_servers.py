"""Deploys and a move of the database under servers other than uvicorn and gunicorn, under load."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.users import Users
from tests.support.venvs import FASTAPI, environment

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]

PACKAGES = (*FASTAPI, "hypercorn==0.*", "granian==2.*")
COMMAND = 'command = "uvicorn notes:app --host {host} --port $PORT"'
APP = 'app = "notes:app"'


def diary(path: Path) -> Project:
    """The diary app in an environment that has many servers."""
    project = apps.diary(path)
    (path / ".venv").unlink()
    (path / ".venv").symlink_to(environment("many-servers", PACKAGES))
    return project


def change(project: Project, old: str, new: str) -> None:
    source = project.path / "notes.py"
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, new))


def rewrite(project: Project, old: str, new: str) -> None:
    spec = project.path / "tenfold.toml"
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("server", ["hypercorn", "granian", "command"])
def test_no_request_fails_through_deploys_and_a_move_and_back(bring: Bring, server: str) -> None:
    project = bring(diary)
    if server == "command":
        rewrite(project, APP, COMMAND)
    else:
        rewrite(project, "[server]\n", f'[server]\nkind = "{server}"\n')
    said = project.up()
    assert ("stands behind a door" in said) == (server != "hypercorn")
    assert {u["engine"] for u in project.units()} >= {server}
    with Users(project) as users:
        change(project, 'VERSION = "one"', 'VERSION = "two"')
        project.ok("deploy")
        project.ok("rollback")
        project.ok("grow", "--to", "100", timeout=200)
        assert project.status()["stage"] == "100"
        project.ok("deploy")
        project.ok("reverse", timeout=200)
    print(f"{server}: {len(users.acknowledged)} writes, slowest {users.longest_seconds:.2f} s")
    assert users.failures == []
    assert users.versions == {"one", "two"}
    users.require_nothing_lost()


def test_from_one_server_to_another_without_a_failed_request(bring: Bring) -> None:
    project = bring(diary)
    project.up()
    with Users(project) as users:
        rewrite(project, "[server]\n", '[server]\nkind = "granian"\n')
        project.ok("deploy")
        assert project.units("granian")
        rewrite(project, '[server]\nkind = "granian"\n', "[server]\n")
        rewrite(project, APP, COMMAND)
        project.ok("deploy")
        assert project.units("command")
        project.ok("rollback")
    assert users.failures == []
    users.require_nothing_lost()


def test_plan_says_in_one_line_what_a_command_costs(bring: Bring) -> None:
    project = bring(diary)
    rewrite(project, APP, COMMAND)
    planned = project.tenfold("plan")
    assert planned.returncode == 2
    (line,) = [line for line in planned.stdout.splitlines() if "stands behind a door" in line]
    assert "Lost: work behind an answer is not waited for" in line
    notes = json.loads(project.tenfold("plan", "--json").stdout)["notes"]
    assert any("stands behind a door" in note for note in notes)


def test_a_deploy_to_a_command_that_goes_into_the_background_changes_nothing(
    bring: Bring,
) -> None:
    project = bring(diary)
    project.up()
    rewrite(project, APP, "command = \"sh -c 'uvicorn notes:app --port $PORT & sleep 1'\"")
    with Users(project, 2) as users:
        refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert "it goes into the background" in refused.stderr
    assert "uvicorn" in refused.stderr
    assert users.failures == []
    assert project.units("uvicorn")
