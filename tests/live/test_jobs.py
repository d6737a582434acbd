"""Scheduled jobs of a real app: each slot once, through deploys, moves, kills and bad days."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.ledger_jobs import history, ledger, require_each_slot_once, with_jobs
from tests.support.moves import wait_for_answers
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import running, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


def ticking(folder: Path) -> Project:
    return with_jobs(folder, 'tick: 0.1 0; every = "2s"')


def slow(folder: Path) -> Project:
    return with_jobs(folder, 'slow: 4 0; every = "2s"', 'asked: 0.2 3; cron = "0 0 1 1 *"')


def endless(folder: Path) -> Project:
    """One that goes on until it may end; it is begun by hand."""
    return with_jobs(folder, 'endless: -1 0; cron = "0 0 1 1 *"; drain = "30s"')


def bad(folder: Path) -> Project:
    return with_jobs(
        folder,
        'fails: 0 7; cron = "0 0 1 1 *"',
        'hangs: 600 0; cron = "0 0 1 1 *"; timeout = "1s"; grace = "1s"',
        'fine: 0 0; every = "1h"',
    )


def away(folder: Path) -> Project:
    return with_jobs(
        folder,
        'once: 0 0; every = "2s"',
        'left-out: 0 0; every = "2s"; missed = "skip"',
    )


def jobs(project: Project) -> dict[str, dict[str, Any]]:
    told = json.loads(project.ok("jobs", "--json"))
    return {job["name"]: job for job in told["jobs"]}


def outcomes(project: Project, job: str) -> list[str]:
    return [run["outcome"] for run in history(project, job)]


def scheduler(project: Project) -> dict[str, Any]:
    (unit,) = project.units("jobs")
    return unit


def states(project: Project) -> list[str]:
    return [unit["state"] for unit in project.units("jobs")]


def begun(project: Project, job: str) -> None:
    until(lambda: any(not row["ended"] for row in ledger(project, job)), f"{job} to begin")


def asked_for(project: Project, job: str) -> None:
    """The job runs, because somebody asked; nobody waits for it."""
    command = project.start("jobs", "run", job)
    begun(project, job)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=30)


def test_each_slot_runs_once_through_a_deploy_a_move_and_the_way_back(bring: Bring) -> None:
    project = bring(ticking)
    project.up()
    until(lambda: len(ledger(project, "tick")) > 2, "the job to run")
    with Users(project, count=2) as users:
        source = project.path / "notes.py"
        source.write_text(source.read_text().replace('VERSION = "one"', 'VERSION = "two"'))
        project.ok("deploy")
        project.ok("grow", "--to", "100", timeout=200)
        wait_for_answers(users)
        project.ok("reverse", timeout=200)
        wait_for_answers(users)
        project.ok("abort", timeout=200)
    assert users.failures == []
    before = len(ledger(project, "tick"))
    until(lambda: len(ledger(project, "tick")) > before + 2, "the job to run again")
    project.ok("down")
    project.up()
    require_each_slot_once(project, "tick", 2.0)
    assert set(outcomes(project, "tick")) <= {"done", "missed", None}
    assert len({run["release"] for run in history(project, "tick") if run["release"]}) == 2


def test_one_run_at_a_time_and_what_was_missed_meanwhile_is_made_up_for_once(bring: Bring) -> None:
    project = bring(slow)
    project.up()
    until(lambda: len(history(project, "slow")) >= 6, "runs and missed times")
    found = history(project, "slow")
    runs = [run for run in found if run["outcome"] not in ("missed", None)]
    for earlier, later in pairwise(runs):
        assert later["began"] >= earlier["ended"], "two ran at once"
    assert "missed" in [run["outcome"] for run in found]
    require_each_slot_once(project, "slow", 2.0)


def test_a_run_on_request_streams_its_output_and_gives_its_exit_code(bring: Bring) -> None:
    project = bring(slow)
    project.up()
    done = project.tenfold("jobs", "run", "asked")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[:2] == ["begins", "the end"]
    assert "of asked failed, exit code 3" in done.stdout
    (run,) = history(project, "asked")
    assert (run["slot"], run["code"], run["outcome"]) == (None, 3, "failed")
    assert run["lines"] == ["begins", "the end"]
    said = project.ok("jobs", "asked")
    assert "failed, exit code 3" in said
    assert "the end" in said
    whole = project.ok("jobs", "asked", "--output", str(run["id"]))
    assert whole.splitlines() == ["begins", "the end"]
    wrong = project.tenfold("jobs", "aksed")
    assert wrong.returncode == 2
    assert 'did you mean "asked"?' in wrong.stderr
    audited = [json.loads(line) for line in project.ok("audit", "--json").splitlines()]
    assert ("jobs run", "failed") in [(e["command"], e["outcome"]) for e in audited]


def test_a_killed_agent_leaves_the_run_alone(bring: Bring) -> None:
    project = bring(endless)
    project.up()
    asked_for(project, "endless")
    before = scheduler(project)
    (agent,) = [u for u in project.units("tenfold") if u["name"] == "agent"]
    os.kill(agent["pid"], signal.SIGKILL)
    until(lambda: project.units("tenfold")[0]["pid"] not in (None, agent["pid"]), "another agent")
    until(lambda: scheduler(project)["state"] == "running", "the scheduler to be known")
    assert scheduler(project)["pid"] == before["pid"]
    (project.path / "go").touch()
    until(lambda: outcomes(project, "endless") == ["done"], "the run to end well")
    assert len(ledger(project, "endless")) == 1


def test_a_killed_scheduler_takes_its_run_along_and_runs_no_slot_again(bring: Bring) -> None:
    project = bring(ticking)
    toml = project.path / "tenfold.toml"
    toml.write_text(toml.read_text().replace("job.py 0.1 0", "job.py 600 0"))
    project.up()
    begun(project, "tick")
    (process,) = running(project, "job.py")
    before = scheduler(project)
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: scheduler(project)["pid"] not in (None, before["pid"]), "another scheduler")
    until(lambda: "cut off" in outcomes(project, "tick"), "the run to be called cut off")
    assert not psutil.pid_exists(process)
    until(lambda: len(ledger(project, "tick")) >= 2, "the next slot")
    first, second = ledger(project, "tick")
    assert first["slot"] < second["slot"]
    assert "tick at" in project.ok("status")
    assert "cut off" in project.ok("status")
    assert scheduler(project)["restarts"] == 1


def test_a_deploy_waits_for_a_run_as_long_as_it_may_and_then_cuts_it_off(bring: Bring) -> None:
    project = bring(endless)
    project.up()
    asked_for(project, "endless")
    deploy = project.start("deploy")
    until(lambda: "draining" in states(project), "the scheduler to be told")
    refused = project.tenfold("jobs", "run", "endless")
    assert refused.returncode == 1
    assert "runs of it do not overlap" in refused.stderr
    (project.path / "go").touch()
    said, _ = deploy.communicate(timeout=100)
    assert deploy.returncode == 0, said
    assert outcomes(project, "endless") == ["done"]

    (project.path / "go").unlink()
    asked_for(project, "endless")
    said = project.ok("deploy")
    assert "jobs.2.1 was killed: it did not end within 30 s of its signal" in said
    assert outcomes(project, "endless") == ["done", "cut off"]
    assert not running(project, "job.py")


def test_a_move_cuts_no_run_off(bring: Bring) -> None:
    project = bring(endless)
    with (project.path / "tenfold.toml").open("a") as file:
        file.write('\n[transition]\nmax_postpone = "8s"\n')
    project.up()
    asked_for(project, "endless")
    with Users(project, count=2) as users:
        failed = project.tenfold("grow", "--to", "100", timeout=200)
        assert failed.returncode == 1
        assert "the switch was put off for 8 s: a scheduled job still runs" in failed.stderr
        (project.path / "go").touch()
        until(lambda: outcomes(project, "endless") == ["done"], "the run to end well")
        until(lambda: scheduler(project)["state"] == "running", "the scheduler to work again")
        project.ok("resume", timeout=200)
    assert users.failures == []
    assert project.ok("jobs", "run", "endless").count("the end") == 1
    assert outcomes(project, "endless") == ["done", "done"]


def test_what_fails_or_hangs_is_ended_and_shown(bring: Bring) -> None:
    project = bring(bad)
    project.up()
    assert project.tenfold("jobs", "run", "fails").returncode == 7
    began = time.monotonic()
    hung = project.tenfold("jobs", "run", "hangs")
    assert hung.returncode != 0
    assert time.monotonic() - began < 30
    assert "timed out" in hung.stdout
    assert "took longer than 1 s: it got SIGTERM and ended" in hung.stdout
    assert not running(project, "job.py")
    assert project.tenfold("jobs", "run", "fails").returncode == 7
    said = project.ok("status")
    assert "3 jobs, next fine at" in said
    assert "failed, exit code 7" in said
    assert "2 times in a row: tenfold jobs fails" in said
    assert "timed out" in said
    assert project.status()["state"] == "running", "the site is well"
    told = {job["name"]: job["bad_runs"] for job in project.status()["jobs"]}
    assert told == {"fails": 2, "hangs": 1, "fine": 0}
    listed = project.ok("jobs")
    assert "0 0 1 1 *" in listed
    assert "every 1h" in listed
    found = project.tenfold("doctor", "--json")
    assert "site.jobs" in found.stdout


def test_times_that_went_by_while_nothing_ran(bring: Bring) -> None:
    project = bring(away)
    project.up()
    until(lambda: "done" in outcomes(project, "left-out"), "the jobs to run")
    project.ok("down")
    stopped = project.ok("jobs")
    assert "nothing runs, so no job does: tenfold up" in stopped
    last = time.time()
    until(lambda: time.time() - last > 65, "more than a minute to pass", 90)
    project.up()
    until(lambda: jobs(project)["left-out"]["last"]["slot"] > last + 60, "them to run again")
    for name in ("once", "left-out"):
        require_each_slot_once(project, name, 2.0)
    missed = [run for run in history(project, "left-out") if run["outcome"] == "missed"]
    assert any("left out, as configured" in run["note"] for run in missed)
    missed = [run for run in history(project, "once") if run["outcome"] == "missed"]
    assert any("a run makes up for it" in run["note"] for run in missed)
