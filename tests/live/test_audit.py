"""What is written down of commands as a user gives them: done, refused, killed, handed over."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]

Bring = Callable[[Callable[[Path], Project]], Project]


def entries(project: Project, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in project.ok("audit", "--json", *arguments).splitlines()]


def killed_while_it_builds(project: Project) -> None:
    """A deploy that is killed when its record is there and its release is not."""
    toml = (project.path / "tenfold.toml").read_text()
    build = '[release]\nbuild = "sleep 60"\n\n[server]'
    project.write("tenfold.toml", toml.replace("[server]", build))
    command = project.start("deploy")
    deadline = time.monotonic() + 60
    while not [e for e in entries(project, "--of", "deploy") if e["outcome"] == "running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=30)
    project.write("tenfold.toml", toml)


def test_commands_leave_who_what_and_how_it_ended(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.ok("status")
    project.ok("plan")
    project.ok("lock", "acquire", "-m", "moving the office")
    assert project.tenfold("deploy").returncode == 1
    project.ok("lock", "release")
    project.tenfold("run", "sh", "-c", "exit 3", "--password", "hunter2", "TOKEN=hunter2")
    project.ok("psql", "--", "-Atc", "select 1")
    killed_while_it_builds(project)
    project.tenfold("secrets", "set", "KEY", "hunter2")

    found = entries(project)
    told = [(e["command"], e["outcome"]) for e in found]
    assert told == [
        ("up", "done"),
        ("lock acquire", "done"),
        ("deploy", "refused"),
        ("lock release", "done"),
        ("run", told[4][1]),
        ("psql", "handed over"),
        ("deploy", "killed"),
        ("secrets set", "refused"),
    ]
    assert told[4][1] in ("failed", "handed over")  # as root it goes through the agent
    up, _, refused, *_ = found
    assert up["release_before"] is None
    assert up["release_after"] == project.status()["release"]
    assert (up["stage_after"], up["user"], up["code"]) == ("10", project.path.owner(), 0)
    assert up["seconds"] > 0
    assert up["arguments"] == ["up", "-d", "--port", str(project.port)]
    assert "moving the office" in refused["error"]
    text = (project.path / ".tenfold/audit.jsonl").read_text()
    assert "hunter2" not in text
    assert "--password" in text

    shown = project.ok("audit")
    assert "killed" in shown
    assert "tenfold run sh -c 'exit 3' --password" in shown
    failed = project.ok("audit", "--failed")
    assert "refused" in failed
    assert "lock acquire" not in failed
    project.ok("down", "--delete-data", "--yes")
    assert not (project.path / ".tenfold").exists()
    assert project.ok("audit").startswith("nothing")
