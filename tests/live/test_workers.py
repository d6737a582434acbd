"""Real kinds of workers through deploys, moves and bad days: no job is lost, none done twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.moves import killed_at, settle, wait_for_answers
from tests.support.project import Project
from tests.support.queues import KINDS, queues, require_every_job_done_once
from tests.support.users import Users
from tests.support.working import counted, until, workers

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


def everything(folder: Path) -> Project:
    return queues(folder, *KINDS, "beat")


def celery(folder: Path) -> Project:
    return queues(folder, "celery", "beat")


def impatient(folder: Path) -> Project:
    return queues(folder, "celery", extra='drain = "3s"\n')


def change(project: Project) -> None:
    source = project.path / "shop.py"
    source.write_text(source.read_text().replace('VERSION = "one"', 'VERSION = "two"'))


def begin_a_job_without_end(project: Project) -> None:
    assert project.request("POST", "/notes?seconds=-1", body=b"long").status == 201
    until(lambda: "by_celery" in project.ok("logs", "celery"), "the job to begin")


def done(project: Project, text: str) -> bool:
    return text in project.get("/notes").json()


def test_every_kind_works_through_a_deploy_a_rollback_and_a_restart(bring: Bring) -> None:
    project = bring(everything)
    project.up()
    assert workers(project) == dict.fromkeys((*KINDS, "beat"), "running")
    with Users(project, count=2) as users, counted(project, "beat") as beats:
        change(project)
        project.ok("deploy")
        project.ok("rollback")
    assert users.failures == []
    assert max(beats) == 1, "beat ran twice at once"
    require_every_job_done_once(project, users)
    releases = {u["release"] for u in project.units("worker")}
    assert releases == {project.status()["release"]}
    assert "tasks.tick" in project.ok("logs", "beat")
    # What waits in the queue outlives the night.
    for number in range(12):
        assert project.request("POST", "/notes", body=f"night {number}".encode()).status == 201
        users.acknowledged.append(f"night {number}")
    project.ok("down")
    project.up()
    require_every_job_done_once(project, users)


def test_every_kind_works_through_a_move_there_and_back(bring: Bring) -> None:
    project = bring(everything)
    project.up()
    with Users(project, count=2) as users, counted(project, "beat") as beats:
        project.ok("grow", "--to", "100", timeout=200)
        assert workers(project) == dict.fromkeys((*KINDS, "beat"), "running")
        wait_for_answers(users)
        project.ok("reverse", timeout=200)
        wait_for_answers(users)
        project.ok("abort", timeout=200)
    assert users.failures == []
    assert max(beats) == 1, "beat ran twice at once"
    require_every_job_done_once(project, users)
    assert project.status()["stage"] == "10"


def test_a_long_job_puts_the_switch_off_and_is_not_cut_off(bring: Bring) -> None:
    project = bring(celery)
    project.up()
    begin_a_job_without_end(project)
    with Users(project, count=2) as users:
        grow = project.start("grow", "--to", "100")
        until(lambda: "draining" in workers(project).values(), "the worker to be told", 120)
        wait_for_answers(users)
        (project.path / "go").touch()
        said, _ = grow.communicate(timeout=200)
        assert grow.returncode == 0, said
        assert done(project, "long")
    assert users.failures == []
    assert users.longest_seconds < 5.0, "requests waited for a job"
    users.acknowledged.append("long")
    require_every_job_done_once(project, users)


def test_a_job_that_is_too_long_for_the_bound_is_named_and_everything_goes_on(
    bring: Bring,
) -> None:
    project = bring(celery)
    with (project.path / "tenfold.toml").open("a") as file:
        file.write('\n[transition]\nmax_postpone = "10s"\n')
    project.up()
    begin_a_job_without_end(project)
    with Users(project, count=2) as users:
        failed = project.tenfold("grow", "--to", "100", timeout=200)
        assert failed.returncode == 1
        assert "the switch was put off for 10 s: celery.1.1 has not finished" in failed.stderr
        assert "stop_signal" in failed.stderr
        (project.path / "go").touch()
        until(lambda: done(project, "long"), "the job to end by itself")
        until(lambda: workers(project)["celery"] == "running", "the worker to work again")
        project.ok("resume", timeout=200)
    assert users.failures == []
    users.acknowledged.append("long")
    require_every_job_done_once(project, users)
    assert project.status()["stage"] == "100"


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "point",
    ["RestWorkers.after", "Hold.after", "Fence.after", "Promote.after", "StartWorkers.before"],
)
def test_a_killed_move_leaves_no_worker_behind_and_no_job(bring: Bring, point: str) -> None:
    project = bring(celery)
    project.up()
    with Users(project, count=2) as users:
        assert killed_at(project, point, "grow", "--to", "100")
        settle(project)
        wait_for_answers(users)
    assert users.failures == []
    require_every_job_done_once(project, users)
    assert workers(project) == {"celery": "running", "beat": "running"}


def test_one_that_takes_too_long_is_killed_by_a_deploy_and_named(bring: Bring) -> None:
    project = bring(impatient)
    project.up()
    begin_a_job_without_end(project)
    change(project)
    said = project.ok("deploy")
    assert "celery.1.1 was killed: it did not end within 3 s of its signal" in said
    assert workers(project) == {"celery": "running"}


def test_killed_workers_and_a_killed_redis_come_back_and_no_job_is_lost(bring: Bring) -> None:
    project = bring(celery)
    project.up()
    with Users(project, count=2) as users:
        wait_for_answers(users)
        (redis,) = project.units("redis")
        os.kill(redis["pid"], signal.SIGKILL)
        until(lambda: project.units("redis")[0]["pid"] not in (None, redis["pid"]), "redis")
        # The app's own requests may fail while its broker is away.
        users.failures.clear()
        (worker,) = [u for u in project.units("worker") if u["name"].startswith("beat")]
        os.kill(worker["pid"], signal.SIGKILL)
        wait_for_answers(users)
    until(lambda: workers(project) == {"celery": "running", "beat": "running"}, "all to be back")
    assert [u["restarts"] for u in project.units("redis")] == [1]
    require_every_job_done_once(project, users)


def test_a_release_whose_worker_does_not_start_changes_nothing(bring: Bring) -> None:
    project = bring(celery)
    project.up()
    before = project.status()["release"]
    source = project.path / "tenfold.toml"
    source.write_text(source.read_text().replace("-A tasks beat", "-A nowhere beat"))
    failed = project.tenfold("deploy")
    assert failed.returncode == 1
    assert "beat.2.1" in failed.stderr
    assert "nowhere" in failed.stderr
    assert project.status()["release"] == before
    assert workers(project) == {"celery": "running", "beat": "running"}
    assert project.request("POST", "/notes", body=b"after all").status == 201
    until(lambda: done(project, "after all"), "the job to be done")
