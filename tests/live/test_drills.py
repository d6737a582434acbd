"""Drills on an app at stage 1k: what they break, what they say, and that it is mended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.working import until

from tenfold.drills import cutting

# A minute each: in the long run.
pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
LOAD = """
    [load]
    rate = 40

    [[load.requests]]
    name = "write a note"
    method = "POST"
    path = "/notes"
    form = { text = "{id}" }
    ledger = true

    [[load.requests]]
    name = "read"
    path = "/"

    [load.ledger]
    table = "notes"
    column = "text"
    match = "contains"
"""


@pytest.fixture
def project(bring: Bring) -> Iterator[Project]:
    project = bring(apps.notes)
    written = (project.path / "tenfold.toml").read_text()
    project.write("tenfold.toml", written + textwrap.dedent(LOAD))
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=300)
    until(lambda: project.status()["failover"]["in_sync"], "a follower to be in sync", within=60)
    yield project
    assert not (project.path / ".tenfold/drill.json").exists()


def drill(project: Project, *arguments: str) -> dict[str, Any]:
    """The last line of a drill, which has to have held, and its exit code."""
    done = project.tenfold("drill", *arguments, "--json", timeout=400)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    told = said[-1]
    assert told["event"] == "done", (said, done.stderr)
    wrong = [f for f in told["findings"] if not f["held"]]
    assert not wrong, (wrong, told["failures"], told["missing"])
    assert done.returncode == 0
    return dict(told)


def leader(project: Project) -> str:
    return str(project.status()["failover"]["leader"])


def require_nothing_lost(told: dict[str, Any]) -> None:
    assert told["compared"]["acknowledged"] > 30
    assert told["compared"]["lost"] == told["compared"]["duplicated"] == 0
    assert told["most_leaders"] == 1


def test_a_killed_leader_is_followed_by_another_and_the_report_tells(project: Project) -> None:
    before = leader(project)
    told = drill(project, "kill-leader")
    require_nothing_lost(told)
    assert told["leader_before"] == before
    assert told["leader_after"] == leader(project) != before
    page = Path(told["report"])
    assert "no write acknowledged" in page.read_text()
    assert "kill-leader" in project.ok("report")
    shown = project.ok("report", "last")
    assert "every acknowledged write is there, once" in shown
    assert f"{before} led" in shown


def test_a_zone_dies_with_the_leader_and_comes_back(project: Project) -> None:
    told = drill(project, "kill-zone", "a")
    require_nothing_lost(told)
    assert (told["leader_before"], told["leader_after"]) == ("db1", "db2")
    assert told["gap_seconds"] <= 5, "the kernel tells that its host is dead"
    assert project.status()["state"] == "running"
    assert project.status()["failover"]["in_sync"] == ["db1"]


def test_the_leaders_zone_is_cut_off_from_both_others_and_the_lease_decides(
    project: Project,
) -> None:
    if why := cutting.why_not():
        pytest.skip(f"the network cannot be cut here: {why}")
    told = drill(project, "partition", "a|b,c")
    require_nothing_lost(told)
    assert told["level"] == "network"
    assert (told["leader_before"], told["leader_after"]) == ("db1", "db2")
    assert 10 < told["gap_seconds"] < 40
    require_no_cut(project)


def test_two_zones_that_both_hear_the_third_have_one_leader(project: Project) -> None:
    if why := cutting.why_not():
        pytest.skip(f"the network cannot be cut here: {why}")
    told = drill(project, "partition", "a|b")
    require_nothing_lost(told)
    require_no_cut(project)


def require_no_cut(project: Project) -> None:
    name = cutting.table(project.path.name)
    assert name not in cutting._nft("list tables")


@pytest.mark.parametrize("kind", ["pause-leader", "pause-follower", "etcd-minority", "slow-disk"])
def test_what_is_slow_or_silent_for_a_while_changes_no_leader(project: Project, kind: str) -> None:
    """All but a pause of the leader itself for twice a lease, which nobody has to fear."""
    before = leader(project)
    lasts = "8s" if kind == "pause-leader" else "45s"
    told = drill(project, kind, "--for", lasts)
    require_nothing_lost(told)
    assert told["leader_before"] == told["leader_after"] == before


def test_a_paused_leader_is_left_when_its_lease_is_over(project: Project) -> None:
    told = drill(project, "pause-leader", "--for", "40s")
    require_nothing_lost(told)
    assert (told["leader_before"], told["leader_after"]) == ("db1", "db2")


def test_a_drill_that_is_killed_is_mended_and_status_tells_meanwhile(project: Project) -> None:
    broken = project.path / ".tenfold/drill.json"
    running = project.start("drill", "pause-follower", "--for", "300s")
    until(lambda: broken.exists() and "frozen" in broken.read_text(), "it to be broken", within=90)
    told = project.status()["drill"]
    assert (told["name"], told["state"]) == ("pause-follower", "on")
    assert "stopped in its tracks" in told["harm"]
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert "tenfold drill pause-follower is at work" in refused.stderr
    running.send_signal(signal.SIGKILL)
    running.communicate()
    until(lambda: not broken.exists(), "its guard to mend it", within=60)
    until(lambda: project.status()["state"] == "running", "all to be as before", within=90)
    assert "drill" not in project.status()


def test_without_a_guard_the_next_command_mends(project: Project) -> None:
    broken = project.path / ".tenfold/drill.json"
    running = project.start("drill", "pause-follower", "--for", "300s")
    until(lambda: broken.exists() and "frozen" in broken.read_text(), "it to be broken", within=90)
    guards = [p for p in project.processes() if "tenfold.drills.guard" in " ".join(p.cmdline())]
    assert len(guards) == 1
    guards[0].kill()
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert project.status()["drill"]["state"] == "left"
    assert "--mend" in project.ok("status")
    said = project.ok("drill", "--mend")
    assert "mended" in said
    assert "pause-follower" in said
    assert project.ok("drill", "--mend") == "no drill has left anything broken\n"


def test_an_app_without_a_load_is_written_to_by_sql_and_keeps_no_trace(bring: Bring) -> None:
    project = bring(apps.notes)
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=300)
    until(lambda: project.status()["failover"]["in_sync"], "a follower to be in sync", within=60)
    require_nothing_lost(drill(project, "kill-leader"))
    assert schemas(project) == "0\n"
    assert not (project.path / ".tenfold/drill.json").exists()


def schemas(project: Project) -> str:
    asked = "select count(*) from pg_namespace where nspname like 'tenfold_drill%'"
    return project.ok("psql", "--", "-Atc", asked)


@pytest.mark.parametrize("guarded", [True, False])
def test_the_table_of_a_drill_that_is_killed_is_removed(bring: Bring, guarded: bool) -> None:
    project = bring(apps.notes)
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=300)
    until(lambda: project.status()["failover"]["in_sync"], "a follower to be in sync", within=60)
    broken = project.path / ".tenfold/drill.json"
    running = project.start("drill", "slow-disk", "--for", "300s")
    begun = ('"group"', '"busy"')
    until(
        lambda: broken.exists() and any(b in broken.read_text() for b in begun),
        "it to be broken",
        within=90,
    )
    if not guarded:
        for process in project.processes():
            if "tenfold.drills.guard" in " ".join(process.cmdline()):
                process.kill()
    assert schemas(project) == "1\n"
    running.send_signal(signal.SIGKILL)
    running.communicate()
    if not guarded:
        project.ok("drill", "--mend")
    until(lambda: not broken.exists(), "all to be mended", within=90)
    assert schemas(project) == "0\n"


def test_a_drill_that_nobody_can_read_keeps_nobody_from_stopping_or_starting(bring: Bring) -> None:
    project = bring(apps.notes)
    project.ok("up", "-d", "--port", str(project.port), timeout=300)
    broken = project.path / ".tenfold/drill.json"
    broken.write_text("{")
    told = project.status()
    assert (told["state"], told["drill"]["state"]) == ("running", "unreadable")
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert f"rm {broken}" in refused.stderr
    assert "cannot be read" in project.ok("down")
    assert "cannot be read" in project.ok("up", "-d", timeout=300)
    assert project.status()["state"] == "running"
    broken.unlink()
    project.ok("down")


def test_where_users_are_a_drill_wants_to_be_told(project: Project) -> None:
    written = (project.path / "tenfold.toml").read_text()
    project.write("tenfold.toml", f'{written}\n[edge]\ndomain = "shop.example"\n')
    refused = project.tenfold("drill", "kill-leader")
    assert refused.returncode == 1
    assert "it serves shop.example" in refused.stderr
    assert "--yes-really" in refused.stderr


def test_a_full_disk_stops_writes_and_loses_none(workplace: Path) -> None:
    """On a file system of its own, with all members on it: nobody can take over."""
    if os.geteuid() != 0:
        pytest.skip("a file system of its own takes root")
    folder = workplace / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=900m,mode=0755", "none", str(folder)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("nothing may be mounted here")
    project = apps.notes(folder)
    try:
        written = (project.path / "tenfold.toml").read_text()
        project.write("tenfold.toml", written + textwrap.dedent(LOAD))
        project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=300)
        until(lambda: project.status()["failover"]["in_sync"], "a follower", within=60)
        told = drill(project, "fill-disk", "--for", "10s")
        assert told["compared"]["lost"] == told["compared"]["duplicated"] == 0
        assert not list(folder.rglob("*ballast*"))
    finally:
        project.close()
        subprocess.run(["umount", str(folder)], check=True)
