"""rm -rf of a project that runs: everything that ran for it ends by itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import apps
from tests.support.hosts import until
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
Bring = Callable[[Any], Project]


def test_a_removed_project_leaves_no_process_behind(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    assert len(project.processes()) > 4
    subprocess.run(["rm", "-rf", str(project.path)], check=True)
    until(lambda: not project.processes(), "everything to end", within=90)
    project.path.mkdir()


def test_a_project_that_is_moved_while_it_runs_is_stopped_and_comes_back(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    assert project.request("POST", "/notes", body=b"kept").status == 201
    old = project.path
    new = old.with_name("elsewhere")
    shutil.move(old, new)
    until(lambda: not project.processes(), "everything to end", within=90)
    project.path = new
    project.up()
    assert project.get("/notes").json() == ["kept"]
