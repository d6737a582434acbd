"""Scheduled jobs and their runs, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tenfold.deployment.jobs import Job, Jobs
from tenfold.observe.report.figures import count, duration

SIGNS = {"done": "✓", "missed": "–", None: "·"}


def standing(found: Jobs) -> str:
    """Why nothing begins now."""
    if found.state is None:
        return "nothing runs, so no job does: tenfold up"
    if found.state in ("resting", "draining"):
        return "no job begins while a deploy or a move is under way; what is due then begins after"
    return f"no job begins: whoever runs them is {found.state} (tenfold logs jobs)"


def row(job: Job) -> tuple[str, ...]:
    """One job in a list."""
    following = "" if job.next is None else f"next {when(job.next)}"
    last = ""
    if job.previous is not None:
        last = f"last {when(job.previous['slot'] or job.previous['began'])}"
    return job.name, job.schedule, following, last, _result(job)


def _result(job: Job) -> str:
    told = []
    if job.running:
        since = when(job.running[0]["began"])
        many = f"{len(job.running)} runs since" if len(job.running) > 1 else "runs since"
        told.append(f"· {many} {since}")
    if job.previous is not None:
        again = f", {job.bad_runs} in a row" if job.bad_runs > 1 else ""
        told.append(f"{sign(job.previous)} {result(job.previous)}{again}")
    if job.missed:
        told.append(f"– {count(job.missed, 'time')} missed")
    return "   ".join(told) or "has not run yet"


def sign(run: Mapping[str, Any]) -> str:
    """How a run went, in one character."""
    return SIGNS.get(run["outcome"], "✗")


def result(run: Mapping[str, Any]) -> str:
    """How a run went, in a few words."""
    outcome = run["outcome"]
    if outcome is None:
        return f"goes on since {when(run['began'])}"
    if outcome == "missed":
        return f"{count(run['missed'], 'time')} missed: {run['note']}"
    took = "" if run["seconds"] is None else f", {duration(run['seconds'])}"
    if outcome == "done":
        return f"done{took}"
    code = "" if run["code"] is None else f", exit code {run['code']}"
    return f"{outcome}{code}{took}"


def when(epoch: float) -> str:
    """A local time, with the day unless that is today."""
    at = datetime.fromtimestamp(epoch)
    today = at.date() == datetime.now().date()
    return at.strftime("%H:%M:%S" if today else "%d %b %H:%M:%S")


def trouble(job: Job) -> str | None:
    """What a person should know of a job that does not go well; ``None`` of one that does."""
    if job.bad_runs and job.previous is not None:
        again = f", {job.bad_runs} times in a row" if job.bad_runs > 1 else ""
        at = when(job.previous["slot"] or job.previous["began"])
        return f"{job.name} at {at} {result(job.previous)}{again}: tenfold jobs {job.name}"
    if job.missed and job.missed_at is not None:
        times = count(job.missed, "time")
        return f"{job.name} missed {times}, the last at {when(job.missed_at)}"
    return None
