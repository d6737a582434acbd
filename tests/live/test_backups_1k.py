"""Backups at stage 1k: no gap while leaders change, and no restore that Patroni would undo."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.live.test_backups_of_moves import Writer
from tests.live.test_grow_1k import kill
from tests.live.test_several_zones import host_processes
from tests.support import backups
from tests.support.backups import at, kept, opened, standing, texts
from tests.support.project import Project
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


def test_a_leader_that_dies_leaves_no_gap(bring: Bring, workplace: Path) -> None:
    project = bring(kept)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port), timeout=300)
    backups.wait_for_first(project)
    project.ok("grow", "--to", "1k", timeout=400)
    with Writer(project) as writer:
        until(lambda: len(writer.notes) > 20, "notes at stage 1k")
        before = time.time()
        kill(host_processes(project, "db1"))
        seen = len(writer.notes)
        until(lambda: len(writer.notes) > seen + 20, "notes at db2", within=120)
        after = time.time()
        time.sleep(1)  # a little more behind the last moment
    backups.wait_until_recoverable(project, time.time(), within=300)
    assert standing(project)["host"] == "db2"
    for name, moment in (("before", before), ("after", after)):
        into = workplace / name
        project.ok("db", "restore", "--to", at(moment), "--into", str(into), timeout=300)
        with opened(into / "cluster") as session:
            writer.require(texts(session), moment)
    project.ok("up", "-d", timeout=300)
    refused = project.tenfold("db", "restore", "--to", at(before))
    assert refused.returncode == 1
    assert "tenfold shrink --to 100" in refused.stderr + refused.stdout
    assert project.get("/").status == 200
