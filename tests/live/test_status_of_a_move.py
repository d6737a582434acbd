"""What ``status`` tells while a database moves, and that it never waits for one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from tests.support import apps, moves
from tests.support.project import Project
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
AT_ONCE_SECONDS = 60.0
"""Far beyond what asking two servers takes, on a machine that is busy with other things."""
FILL = "insert into notes (text) select repeat(md5(g::text), 30) from generate_series(1, 30000) g"


def transition(project: Project) -> Mapping[str, Any]:
    began = time.monotonic()
    found = project.status()["transition"]
    assert time.monotonic() - began < AT_ONCE_SECONDS
    assert isinstance(found, dict)
    return found


@contextmanager
def stopped(project: Project, point: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command at this point while the block runs, which then goes on to its good end."""
    command = moves.stopped_at(project, point, *arguments, heard=True)
    assert command is not None
    try:
        yield command
        code, said, _ = moves.go_on(command, within=300)
        assert code == 0, said
    finally:
        moves.end(command)


@contextmanager
def standing_still(project: Project, host: str) -> Iterator[None]:
    """A PostgreSQL that lets nobody in, and refuses nobody, while the block runs."""
    (there,) = (h for h in project.status()["hosts"] if h["name"] == host)
    (pid,) = (u["pid"] for u in there["units"] if u["engine"] == "postgresql")
    server = psutil.Process(pid)
    server.suspend()
    try:
        yield
    finally:
        server.resume()


def require_under_way(project: Project, command: subprocess.Popen[str], kind: str) -> None:
    said = project.ok("status")
    holds = f"tenfold {kind} holds the lock since"
    moves.require_said(said, f"{kind} from stage 10 to 100 is under way: ", holds, "tenfold lock")
    assert f"(pid {command.pid}, " in said
    assert "; the other database is " in said
    found = transition(project)
    assert (found["kind"], found["state"], found["may"]) == (kind, "running", [])
    assert found["holder"]["pid"] == command.pid
    assert found["behind_bytes"] >= 0
    assert (found["copy"], found["lost"]) == (None, None)
    refused = project.tenfold("resume")
    assert refused.returncode == 1
    assert "at work" in refused.stderr, refused.stderr


def test_phase_step_and_lag_are_told_while_a_command_is_at_it(bring: Bring) -> None:
    project = bring(apps.diary)
    with (project.path / "tenfold.toml").open("a") as spec:  # stopped for longer than a moment
        spec.write('\n[transition]\nmax_hold = "200s"\n\n[edge]\nhold = "300s"\n')
    project.up()
    with stopped(project, "CatchUp.before", "grow", "--to", "100") as command:
        require_under_way(project, command, "grow")
        found = transition(project)
        assert (found["phase"], found["step"]) == ("preparing", "CatchUp")
    with stopped(project, "Hold.after", "reverse") as command:
        require_under_way(project, command, "reverse")
        found = transition(project)
        assert (found["phase"], found["step"]) == ("switching", "Hold")
    found = transition(project)
    assert (found["phase"], found["holder"], found["may"]) == (
        "prepared",
        None,
        ["grow", "complete"],
    )


def test_a_server_that_stands_still_does_not_keep_status_waiting(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with (
        stopped(project, "CatchUp.before", "grow", "--to", "100"),
        standing_still(project, "db1"),
    ):
        found = transition(project)
        assert (found["phase"], found["behind_bytes"]) == ("preparing", None)
        assert "is under way: preparing" in project.ok("status")


def test_the_copy_is_told_while_it_is_made(bring: Bring) -> None:
    project = bring(apps.diary)
    with (project.path / "tenfold.toml").open("a") as spec:
        spec.write('\n[transition]\nmax_copy_rate = "4MB"\n')
    project.up()
    project.ok("psql", "--", "-c", FILL)
    command = project.start("grow", "--to", "100")
    try:
        copied = until(lambda: (project.status()["transition"] or {}).get("copy"), "a copy", 120)
        assert copied["copied_bytes"] >= 0
        more = until(
            lambda: (
                copy
                if (copy := transition(project).get("copy"))
                and copy["copied_bytes"] > copied["copied_bytes"]
                else None
            ),
            "more of it",
            120,
        )
        assert more["copied_bytes"] <= more["total_bytes"]
        assert " are copied" in project.ok("status")
        said, _ = command.communicate(timeout=300)
    finally:
        moves.end(command)
    assert command.returncode == 0, said
