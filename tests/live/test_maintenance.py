"""Maintenance of a whole deployment: what it outlives, and what goes on meanwhile."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

Bring = Callable[[Callable[[Path], Project]], Project]
BROWSER = {"Accept": "text/html"}


def closed(project: Project) -> bool:
    status = project.request("GET", "/", headers=BROWSER).status
    assert status in (200, 503)
    return status == 503


def test_it_outlives_restarts_deploys_and_a_move(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.write("sorry.html", "<p>Our own words</p>\n")
    said = project.ok("maintenance", "on", "--page", "sorry.html", "--until", "+2h")
    assert "announced until" in said
    assert project.request("GET", "/", headers=BROWSER).text == "<p>Our own words</p>\n"
    (project.path / "sorry.html").unlink()

    edge = project.units("nginx")[0]
    os.kill(edge["pid"], signal.SIGKILL)
    project.ok("deploy")
    assert closed(project)
    project.ok("down")
    assert "maintenance since" in project.ok("status")
    project.up()
    assert closed(project)

    project.ok("grow", "--to", "100", timeout=200)
    assert closed(project)
    assert "maintenance since" in project.ok("status")
    project.ok("maintenance", "off")
    assert project.request("POST", "/notes", body=b"open again").status == 201
    assert "maintenance" not in project.ok("status")
    project.ok("reverse", timeout=200)
    assert not closed(project)


def test_it_can_be_switched_while_nothing_runs_and_while_somebody_is_at_work(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.ok("down")
    assert "no edge runs" in project.ok("maintenance", "on")
    project.up()
    assert closed(project)
    told = json.loads(project.ok("maintenance", "--json"))
    assert (told["on"], told["edges"]) == (True, 1)
    assert project.status()["maintenance"]["until"] is None
    project.ok("lock", "acquire", "-m", "moving the office")
    refused = project.tenfold("maintenance", "off")
    assert (refused.returncode, closed(project)) == (1, True)
    assert "moving the office" in refused.stderr
    project.ok("lock", "release")
    project.ok("maintenance", "off")
    assert not closed(project)


def test_it_knows_no_app_that_was_never_up(bring: Bring) -> None:
    project = bring(apps.notes)
    assert project.tenfold("maintenance", "on").returncode == 1
    assert "maintenance is off" in project.ok("maintenance")
