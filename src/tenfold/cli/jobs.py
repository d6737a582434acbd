"""``tenfold jobs``: what runs when, how it went, and having one run now."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from typing import Any

import click

from tenfold.cli.auditing import who
from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.deployment import jobs as known
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.job_words import result, row, sign, standing, when
from tenfold.errors import UsageError

RUN = "run"
LINES_OF_A_GOOD_RUN = 3


@command("jobs")
@click.argument("action", required=False, metavar="[run]")
@click.argument("job", required=False, metavar="[NAME]")
@click.option("-n", "most", type=click.IntRange(1, 200), default=10, help="How many runs; 10.")
@click.option("--output", "number", metavar="RUN", help="All that this run printed.")
def jobs(
    settings: Settings, action: str | None, job: str | None, most: int, number: str | None
) -> None:
    """The scheduled jobs of [jobs]: when each runs, when it ran, and how that went.

    With the NAME of one, its runs, each with exit code, duration and its last lines. With  run  it
    runs now, in the release that serves, and its exit code becomes Tenfold's; Ctrl-C leaves a run
    that has begun alone. At stage 1k two hosts keep the jobs by turns; a run's name has its host.

    \b
    tenfold jobs
    tenfold jobs nightly
    tenfold jobs nightly --output 12
    tenfold jobs nightly --output app2/3
    tenfold jobs run nightly
    """
    deployment = Deployment.existing(settings.layout())
    found = known.look(deployment, deployment.observe())
    runs = action == RUN
    name = job if runs else action
    if (not runs and job is not None) or (runs and name is None):
        raise UsageError("one job at a time", next="tenfold jobs NAME,  or  tenfold jobs run NAME")
    if name is not None:
        _require_known(name, found)
    if runs and name is not None:
        sys.exit(_run(deployment, name, settings.output))
    if name is None:
        _list(found, settings.output)
    elif number is not None:
        host, _, run = number.rpartition("/")
        if not run.isdecimal():
            raise UsageError(f"{number} is no run", next=f"tenfold jobs {name}    names its runs")
        for line in known.output(deployment, name, int(run), host or None):
            settings.output.event("output", {"line": line})
            settings.output.line(line, literal=True)
    else:
        _history(deployment, name, most, settings.output)


def _require_known(name: str, found: known.Jobs) -> None:
    names = [job.name for job in found.jobs]
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    meant = f'; did you mean "{close[0]}"?' if close else ""
    there = f"there are {', '.join(names)}" if names else "[jobs.NAME] in tenfold.toml begins one"
    raise UsageError(f'there is no job "{name}"{meant}', next=there)


def _list(found: known.Jobs, output: Output) -> None:
    if output.json:
        output.object({"scheduler": found.state, "jobs": [j.to_json() for j in found.jobs]})
        return
    if not found.jobs:
        output.line("there are no jobs: [jobs.NAME] in tenfold.toml begins one")
        return
    output.columns([row(job) for job in found.jobs])
    output.line()
    if found.state not in known.BEGINS_JOBS:
        output.line(f"  {standing(found)}", style="yellow")
        output.line()
    output.line(f"Next   tenfold jobs {_worth_a_look(found).name}")


def _worth_a_look(found: known.Jobs) -> known.Job:
    return next((job for job in found.jobs if job.bad_runs), found.jobs[0])


def _history(deployment: Deployment, name: str, most: int, output: Output) -> None:
    runs = list(known.history(deployment, name, most))
    if not runs:
        output.line(f"{name} has not run yet")
    for run in runs:
        if output.json:
            output.object(run)
            continue
        asked = f", asked for by {run['by']}" if run["by"] else ""
        number = f"{run['host']}/{run['id']}" if "host" in run else run["id"]
        where = "" if run["outcome"] == "missed" else f"run {number}, {run['release']}{asked}"
        output.columns(
            [(sign(run), when(run["slot"] or run["began"]), result(run), where)], indent=0, gap=2
        )
        if run["note"] and run["outcome"] != "missed":
            output.line(f"     {run['note']}", style="yellow")
        lines = run["lines"]
        for line in lines[-LINES_OF_A_GOOD_RUN:] if run["outcome"] == "done" else lines:
            output.line(f"     {line}", style="dim", literal=True)


def _run(deployment: Deployment, name: str, output: Output) -> int:
    begun: list[int] = []

    def hear(message: Mapping[str, Any]) -> None:
        if output.json:
            output.object(message)
        elif "output" in message:
            output.line(message["output"], literal=True)
        elif "waits" in message:
            output.line(f"{name} waits: whoever runs the jobs is {message['waits']}", style="dim")
        if "run" in message:
            begun.append(message["run"]["id"])

    try:
        ended = known.run(deployment, name, str(who()["user"]), hear)
    except KeyboardInterrupt:
        if begun:
            output.line(f"run {begun[0]} of {name} goes on: tenfold jobs {name}")
        raise
    if output.json:
        output.object({"ended": ended})
    else:
        output.line(f"{sign(ended)} run {ended['id']} of {name} {result(ended)}", style="bold")
        if ended["note"]:
            output.line(f"  {ended['note']}", style="yellow")
    return int(ended["code"] or ended["outcome"] != "done")
