"""Scheduled jobs at stage 1k: whichever host keeps them, each slot is run once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.live.test_grow_1k import kill
from tests.live.test_several_zones import host_processes
from tests.support.ledger_jobs import ledger, with_jobs, written
from tests.support.project import Project
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


def ticking(folder: Path) -> Project:
    return with_jobs(folder, 'tick: 0 0; every = "2s"', 'asked: 0 0; cron = "0 0 1 1 *"')


def keepers(project: Project) -> list[str]:
    """The hosts on which a scheduler says that it is its turn."""
    found = (project.path / ".tenfold/hosts").glob("*/data/jobs/report.jsonl")
    return [
        path.parts[-4]
        for path in found
        if any(json.loads(line)["keeps"] for line in path.read_text().splitlines())
    ]


def require_once(project: Project) -> None:
    twice = {slot: n for slot, n in written(project, "tick").items() if n > 1}
    assert not twice, f"run more than once: {twice}"


def test_the_loss_of_the_first_zones_app_moves_the_schedule(bring: Bring) -> None:
    project = bring(ticking)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port), timeout=300)
    until(lambda: ledger(project, "tick"), "the job to run at stage 100")
    project.ok("grow", "--to", "1k", timeout=400)
    require_once(project)
    until(lambda: len(keepers(project)) == 1, "one host to keep the schedule")
    (first,) = keepers(project)
    before = len(ledger(project, "tick"))
    until(lambda: len(ledger(project, "tick")) > before + 1, "the job to run at stage 1k")
    kill(host_processes(project, first))
    lost = len(ledger(project, "tick"))
    until(lambda: len(ledger(project, "tick")) > lost + 2, "the other host to keep it", within=90)
    assert all(job["next"] for job in json.loads(project.ok("jobs", "--json"))["jobs"])
    assert "done" in project.ok("jobs", "tick")
    project.ok("up", "-d", timeout=300)
    require_once(project)
    project.ok("jobs", "run", "asked", timeout=200)
    project.ok("reverse", timeout=400)
    back = len(ledger(project, "tick"))
    until(lambda: len(ledger(project, "tick")) > back + 1, "the job to run at stage 100 again")
    project.ok("abort", timeout=400)
    back = len(ledger(project, "tick"))
    until(lambda: len(ledger(project, "tick")) > back + 1, "the job to run without etcd")
    require_once(project)
