"""What is wrong is told to a real webhook: once, and once when it is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.live.test_grow_1k import kill as kill_processes
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.hosts import until
from tests.support.project import Project
from tests.support.webhook import Receiver, receiving

from tenfold.targets.local.account import account_for

pytestmark = [pytest.mark.live, pytest.mark.timeout(500), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def watched(path: Path) -> Project:
    project = apps.notes(path)
    text = (path / "tenfold.toml").read_text()
    tables = '[metrics]\n[alerts]\nwebhook = "${ALERT_WEBHOOK}"\n'
    (path / "tenfold.toml").write_text(f"{text}\n{tables}")
    return project


def up(project: Project, receiver: Receiver, *more: str) -> None:
    done = project.tenfold(
        *("up", "-d", "--port", str(project.port), *more),
        env={"ALERT_WEBHOOK": receiver.url},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert receiver.url not in done.stdout


def remembered(project: Project) -> dict[str, Any]:
    found = json.loads(project.ok("alerts", "--json"))
    assert isinstance(found, dict)
    return found


def test_a_test_arrives_and_the_address_is_nowhere_to_be_seen(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(watched)
    up(project, receiver)
    assert "webhook" in project.ok("alerts", "test")
    (message,) = receiver.of("test")
    assert (message["app"], message["state"], message["stage"]) == ("notes", "test", "10")
    assert {"version", "id", "where", "what", "next", "since", "at", "release", "text"} <= set(
        message
    )
    receiver.refuses = 404
    refused = project.tenfold("alerts", "test")
    assert refused.returncode == 1
    assert "it answered 404" in refused.stdout + refused.stderr
    # Nobody is led elsewhere.
    receiver.refuses = 307
    assert "it answered 307" in project.tenfold("alerts", "test").stdout
    seen = [
        refused.stdout + refused.stderr,
        project.ok("alerts"),
        project.ok("logs", "metrics"),
        *(" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])),
    ]
    data = project.path / ".tenfold/hosts/vm1/data/metrics"
    seen += [path.read_text(errors="replace") for path in data.iterdir()]
    assert not any("t0ken-nobody-may-see" in text for text in seen)
    config = project.path / ".tenfold/hosts/vm1/config/metrics/metrics.json"
    assert config.stat().st_mode & 0o077 == 0


def test_requests_that_fail_are_told_once_and_their_end_once(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(watched)
    up(project, receiver)

    def told() -> list[dict[str, Any]]:
        for _ in range(20):
            project.get("/boom")
        return receiver.of("errors")

    receiver.refuses = 503
    until(lambda: told() or receiver.tried, "an attempt to tell it", within=90)
    receiver.refuses = 0
    (message,) = until(lambda: receiver.of("errors"), "it to be told again", within=60)
    assert message["state"] == "firing"
    assert "% of the requests of the last minute failed" in message["what"]
    assert message["where"] == "edge"
    assert [a["alert"] for a in remembered(project)["firing"]] == ["errors"]
    assert "of the last minute failed" in project.ok("alerts")
    assert "of the last minute failed" in project.ok("status")
    assert [a["alert"] for a in project.status()["alerts"]] == ["errors"]
    over = until(lambda: receiver.of("errors", "resolved"), "the end", within=240)
    assert over[0]["id"] == message["id"]
    assert len(receiver.of("errors", "firing")) == 1
    assert remembered(project)["firing"] == []


def test_a_leader_that_is_lost_with_its_host_is_told_by_what_it_leaves_behind(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(watched)
    up(project, receiver, "--stage", "1k")
    until(lambda: project.status()["failover"]["in_sync"], "db2 to be in sync", within=120)
    until(
        lambda: project.tenfold("metrics", "database_bytes").returncode == 0,
        "figures of the database",
        within=90,
    )
    kill_processes(host_processes(project, "db1"))
    (message,) = until(lambda: receiver.of("leader-changed"), "another leader", within=120)
    assert message["what"].startswith("db2 leads the database, in place of db1")
    (alone,) = until(lambda: receiver.of("commits-alone"), "it to be told", within=120)
    assert "commits are on db2 alone" in alone["what"]
    (member,) = until(lambda: receiver.of("etcd-member"), "it to be told", within=120)
    assert member["where"] == "db1/etcd"
    assert receiver.of("etcd-majority") == []
    assert {"leader-changed", "commits-alone"} <= {
        alert["alert"] for alert in remembered(project)["firing"]
    }
    project.ok("up", "-d", timeout=300)
    until(lambda: receiver.of("commits-alone", "resolved"), "its end", within=300)


def test_a_worker_that_is_killed_again_and_again_is_told_once(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(watched)
    up(project, receiver)
    killed: set[int] = set()

    def kill() -> bool:
        for unit in project.units("uvicorn"):
            if unit["pid"] and unit["pid"] not in killed:
                os.kill(unit["pid"], signal.SIGKILL)
                killed.add(unit["pid"])
        return bool(receiver.of("crash-loop"))

    until(kill, "the loop to be told", within=120)
    (message,) = receiver.of("crash-loop", "firing")
    assert message["where"] == "vm1/app"
    assert "app on vm1 crashed" in message["what"]
    assert "tenfold logs app" in message["next"]
    # Whoever tells is killed, too, and tells nothing twice.
    (unit,) = project.units("metrics")
    os.kill(unit["pid"], signal.SIGKILL)
    until(lambda: project.units("metrics")[0]["pid"] not in (None, unit["pid"]), "another one")
    until(lambda: project.ok("alerts", "test"), "it to go on", within=60)
    assert len(receiver.of("crash-loop", "firing")) == 1
    assert "crash-loop" in [a["alert"] for a in remembered(project)["firing"]]


def with_a_job(path: Path) -> Project:
    """A job that fails until there is a file."""
    project = watched(path)
    job = f'[jobs.nightly]\nrun = "test -e {path}/well"\ncron = "0 0 1 1 *"\n'
    with (path / "tenfold.toml").open("a") as file:
        file.write(job)
    return project


def test_a_job_that_fails_is_told_once_and_that_it_does_well_again(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(with_a_job)
    up(project, receiver)
    for _ in range(2):
        assert project.tenfold("jobs", "run", "nightly").returncode == 1
    (message,) = until(lambda: receiver.of("job"), "it to be told", within=60)
    assert (message["state"], message["where"]) == ("firing", "vm1/nightly")
    assert "the last run of the job nightly failed (exit code 1)" in message["what"]
    assert "tenfold jobs nightly" in message["next"]
    (project.path / "well").touch()
    project.ok("jobs", "run", "nightly")
    over = until(lambda: receiver.of("job", "resolved"), "the end", within=240)
    assert over[0]["id"] == message["id"]
    assert len(receiver.of("job", "firing")) == 1


def test_an_agent_that_is_gone_and_a_database_that_lets_nobody_in_are_told(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(watched)
    up(project, receiver)
    (server,) = project.units("postgresql")
    os.kill(server["pid"], signal.SIGSTOP)
    children = psutil.Process(server["pid"]).children(recursive=True)
    try:
        (message,) = until(lambda: receiver.of("database-down"), "to be told", within=150)
        assert message["where"] == "vm1/postgres"
        assert "lets nobody in" in message["what"]
    finally:
        for process in (*children, psutil.Process(server["pid"])):
            process.resume()
    until(lambda: receiver.of("database-down", "resolved"), "the end", within=150)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_fills_up_is_told_also_when_nothing_can_be_written(
    bring: Bring, receiver: Receiver
) -> None:
    project = bring(watched)
    data = project.path / ".tenfold/hosts/vm1/data/metrics"
    data.mkdir(parents=True)
    account = account_for(project.path)
    assert account is not None
    options = f"size=2m,mode=755,uid={account.uid},gid={account.gid}"
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(data)], check=False)
    if mount.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        up(project, receiver)
        until((data / "history.db").exists, "a round", within=60)
        with (data / "ballast").open("wb") as ballast:
            while True:
                try:
                    ballast.write(b"x" * 65536)
                    ballast.flush()
                except OSError:
                    break
        (message,) = until(lambda: receiver.of("disk"), "to be told", within=120)
        assert "are free on the disk with the data" in message["what"]
        assert project.get("/").status == 200
        (data / "ballast").unlink()
        until(lambda: receiver.of("disk", "resolved"), "the end", within=150)
        assert len(receiver.of("disk", "firing")) == 1
    finally:
        project.close()
        subprocess.run(["umount", str(data)], check=True)


def test_a_command_gets_the_message_and_runs_as_the_units_user(
    bring: Bring, workplace: Path
) -> None:
    project = bring(apps.notes)
    told = workplace / "told"
    told.mkdir(mode=0o777)
    told.chmod(0o777)
    script = workplace / "tell.sh"
    script.write_text(
        f'#!/bin/sh\nprintf %s "$TENFOLD_ALERT" > {told}/$$.json\nid -u > {told}/uid\n'
    )
    script.chmod(0o755)
    text = (project.path / "tenfold.toml").read_text()
    tables = f'[metrics]\n[alerts]\ncommand = "{script}"\n'
    (project.path / "tenfold.toml").write_text(f"{text}\n{tables}")
    project.up()
    assert "command  took it" in project.ok("alerts", "test")
    (message,) = [json.loads(path.read_text()) for path in told.glob("*.json")]
    assert (message["alert"], message["app"]) == ("test", "notes")
    (unit,) = project.units("metrics")
    assert int((told / "uid").read_text()) == psutil.Process(unit["pid"]).uids().real
    script.write_text("#!/bin/sh\necho out of paper >&2\nexit 3\n")
    failed = project.tenfold("alerts", "test")
    assert failed.returncode == 1
    assert "it exited with 3: out of paper" in failed.stdout


def test_without_the_table_nobody_is_told(running: Project) -> None:
    for arguments in (("alerts",), ("alerts", "test")):
        refused = running.tenfold(*arguments)
        assert refused.returncode == 1
        assert "write [alerts] into tenfold.toml" in refused.stderr
