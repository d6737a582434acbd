"""The journal in the app's own etcd at stage 1k: there and back under load, cut off on its way,
with etcd away, and asked for from a copy of the project."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import pytest
from tests.live.test_deploy import change
from tests.live.test_grow_1k import Patient
from tests.live.test_several_zones import host_processes
from tests.support import apps
from tests.support.moves import killed_at, stopped_at, wait_for_answers
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

from tenfold.deployment.journal import open_journal
from tenfold.state.layout import Layout

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
REFUSED_WITHIN_SECONDS = 10.0
STARTS_SECONDS = 5.0
"""For Python to start and to end on a busy machine."""


def at_100(bring: Bring) -> Project:
    """Whose workers may take their time to start: the machine may be busy."""
    project = bring(apps.notes)
    project = Patient(project.path, project.port)
    file = project.path / "tenfold.toml"
    text = file.read_text()
    assert 'health_timeout = "15s"' in text
    file.write_text(text.replace('health_timeout = "15s"', 'health_timeout = "120s"'))
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port), timeout=400)
    return project


def where(project: Project) -> str:
    told = json.loads(project.ok("journal", "--json").splitlines()[-1])
    assert told.get("problem") is None, told
    return str(told["in"])


def last(project: Project) -> tuple[str, str | None]:
    with closing(open_journal(Layout(project.path))) as journal:
        record = journal.last()
        assert record is not None
        return record.kind, record.outcome


def test_it_goes_there_and_comes_back_with_users_and_with_every_command(bring: Bring) -> None:
    project = at_100(bring)
    assert where(project) == "file"
    with Users(project, 2) as users:
        project.ok("grow", "--to", "1k", timeout=600)
        assert where(project) == "etcd"
        assert last(project) == ("grow", "done")
        change(project, "two")
        project.ok("deploy", timeout=200)
        assert last(project) == ("deploy", "done")
        project.ok("rollback", timeout=200)
        wait_for_answers(users)
    assert users.failures == []
    project.ok("down", timeout=120)
    stopped = project.status()
    assert (stopped["state"], stopped["stage"]) == ("stopped", "1k")
    project.ok("up", "-d", timeout=200)
    assert where(project) == "etcd"
    assert last(project) == ("up", "done")
    with Users(project, 2) as again:
        wait_for_answers(again)
        with again.harmed_by("the other member steps down, if it leads since"):
            project.ok("reverse", timeout=300)
        assert where(project) == "file"
        assert last(project) == ("reverse", "done")
        project.ok("deploy", timeout=200)
        wait_for_answers(again)
    assert again.failures == []
    kept = set(project.get("/notes").json())
    assert {*users.acknowledged, *again.acknowledged} <= kept
    project.ok("abort", timeout=300)
    assert project.status()["stage"] == "100"


def test_begun_at_1k_it_is_there_from_the_beginning_until_it_shrinks(bring: Bring) -> None:
    project = bring(apps.notes)
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=300)
    assert where(project) == "etcd"
    assert project.request("POST", "/notes", body=b"kept").status == 201
    project.ok("shrink", "--to", "100", timeout=300)
    assert where(project) == "file"
    project.ok("complete", "--yes", timeout=200)
    project.ok("deploy", timeout=200)
    assert project.get("/notes").json() == ["kept"]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("way", ["resume", "abort"])
@pytest.mark.parametrize(
    "point",
    ["MoveJournal.before", "MoveJournal.copied", "MoveJournal.marked", "MoveJournal.after"],
)
def test_killed_on_its_way_there_the_move_goes_on_or_is_given_up(
    bring: Bring, point: str, way: str
) -> None:
    project = at_100(bring)
    with Users(project, 2) as users:
        assert killed_at(project, point, "grow", "--to", "1k")
        assert project.status()["transition"]["state"] == "interrupted"
        project.ok(way, timeout=300)
        assert where(project) == ("etcd" if way == "resume" else "file")
        assert project.status()["stage"] == ("1k" if way == "resume" else "100")
        wait_for_answers(users)
    assert users.failures == []
    users.require_nothing_lost()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("way", ["resume", "abort"])
@pytest.mark.parametrize(
    "point",
    ["MoveJournal.before", "MoveJournal.leaving", "MoveJournal.left", "MoveJournal.after"],
)
def test_killed_on_its_way_back_the_move_goes_on_or_is_given_up(
    bring: Bring, point: str, way: str
) -> None:
    project = at_100(bring)
    project.ok("grow", "--to", "1k", timeout=600)
    with Users(project, 2) as users:
        assert killed_at(project, point, "reverse")
        project.ok(way, timeout=300)
        assert where(project) == ("file" if way == "resume" else "etcd")
        assert project.status()["stage"] == ("100" if way == "resume" else "1k")
        wait_for_answers(users)
    assert users.failures == []
    users.require_nothing_lost()


@contextmanager
def without_quorum(project: Project) -> Iterator[None]:
    """Two of etcd's three members stand still."""
    found = [
        p
        for host in ("db2", "arbiter")
        for p in host_processes(project, host)
        if "etcd" in p.name()
    ]
    assert len(found) >= 2, found
    try:
        for process in found:
            process.suspend()
        yield
    finally:
        for process in found:
            process.resume()


def test_without_a_quorum_status_tells_what_it_knows_and_nothing_is_begun(bring: Bring) -> None:
    project = at_100(bring)
    project.ok("grow", "--to", "1k", timeout=600)
    before = project.status()
    with Users(project, 2) as users:
        with without_quorum(project):
            away = project.status()
            assert away["journal"]["answers"] is False
            assert [away[k] for k in ("stage", "release")] == [
                before[k] for k in ("stage", "release")
            ]
            assert away["state"] in ("running", "degraded"), "two of etcd's members stand still"
            assert "etcd does not answer" in project.ok("status")
            for command in (
                ("deploy",),
                ("reverse",),
                ("complete", "--yes"),
                ("up", "-d"),
                ("upgrade",),
                ("rollback",),
            ):
                began = time.monotonic()
                refused = project.tenfold(*command)
                seconds = time.monotonic() - began
                assert refused.returncode == 1, (command, refused.stdout)
                assert "did not answer" in refused.stderr + refused.stdout, command
                assert "Traceback" not in refused.stderr, refused.stderr
                assert seconds < REFUSED_WITHIN_SECONDS + STARTS_SECONDS, (command, seconds)
            wait_for_answers(users)
        until(lambda: "journal" not in project.status(), "etcd to answer again")
        project.ok("deploy", timeout=200)
    assert users.failures == []
    users.require_nothing_lost()


def test_a_copy_of_the_project_begins_nothing_and_two_commands_are_kept_apart(
    bring: Bring,
) -> None:
    project = at_100(bring)
    project.ok("grow", "--to", "1k", timeout=600)
    other = Project(project.path.with_name("copy"), project.port)
    shutil.copytree(
        project.path,
        other.path,
        symlinks=True,
        ignore=shutil.ignore_patterns("run", "data", "logs"),
    )
    command = stopped_at(project, "WarmPool.before", "deploy")
    if command is None:
        change(project, "two")
        command = stopped_at(project, "WarmPool.before", "deploy")
    assert command is not None
    try:
        assert "tenfold deploy is at work from" in other.ok("lock")
        for told in (("deploy",), ("up", "-d"), ("reverse",)):
            refused = other.tenfold(*told)
            assert refused.returncode == 1
            assert "is a copy" in refused.stderr + refused.stdout, refused
    finally:
        command.send_signal(signal.SIGCONT)
        assert command.wait(timeout=200) == 0
    assert not [p for p in psutil.process_iter() if str(other.path) in " ".join(_words(p))]
    assert other.ok("down").strip().endswith("did not run")
    assert project.get("/").status == 200


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
