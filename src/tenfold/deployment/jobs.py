"""How the scheduled jobs stand, and having one run now: what the scheduler's host says."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenfold.deployment import shelf
from tenfold.errors import Refused, TargetError
from tenfold.jobs.report import FILE
from tenfold.jobs.schedule import Schedule, next_slot
from tenfold.spec.jobs import POOL
from tenfold.topology.process import Command

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.targets.protocol import HostAgent
    from tenfold.topology.observation import Observation, ObservedUnit

READ_SECONDS = 10.0
A_DAY_SECONDS = 86_400.0
BEGINS_JOBS = ("running",)
RUNS_JOBS = ("running", "draining")


@dataclass(frozen=True, slots=True)
class Job:
    """One job at a glance; runs are as :meth:`tenfold.jobs.book.Run.to_json` gives them.

    ``next`` is when it runs next, in seconds since the epoch; ``None`` while nobody begins it.
    ``bad_runs`` counts those that have not ended well since the last one that did; ``missed`` the
    times that went by since a run last began.
    """

    name: str
    schedule: str
    next: float | None
    running: tuple[Mapping[str, Any], ...]
    previous: Mapping[str, Any] | None
    bad_runs: int = 0
    missed: int = 0
    missed_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The documented object; times are seconds since the epoch."""
        return {
            "name": self.name,
            "schedule": self.schedule,
            "next": self.next,
            "running": [dict(run) for run in self.running],
            "last": dict(self.previous) if self.previous else None,
            "bad_runs": self.bad_runs,
            "missed": self.missed,
            "missed_at": self.missed_at,
        }


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs, and in which state whoever runs them is; ``None`` where nothing runs."""

    state: str | None
    jobs: tuple[Job, ...]

    def job(self, name: str) -> Job | None:
        """The job of this name."""
        return next((job for job in self.jobs if job.name == name), None)


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One host's."""

    host: str
    agent: HostAgent
    unit: ObservedUnit


def look(deployment: Deployment, now: Observation) -> Jobs:
    """The jobs as their scheduler knows them, and before it ever ran as the file has them.

    Raises:
        TenfoldError: the host does not answer, or the file cannot be read.
    """
    found = _schedulers(deployment, now)
    if not found:
        return Jobs(None, _of_the_file(deployment, now))
    told = [(s, _report(s.agent)) for s in found]
    keeps = [s for s, lines in told if any(line.get("keeps", True) for line in lines)]
    state = (keeps or found)[0].unit.state
    names = dict.fromkeys(line["name"] for _, lines in told for line in lines)
    at = time.time()
    return Jobs(state, tuple(_merged(name, told, state, at) for name in names))


def history(deployment: Deployment, job: str, count: int) -> Iterator[Mapping[str, Any]]:
    """The newest runs of a job, the oldest of them first, each with its last ``lines``.

    Raises:
        Refused: nobody keeps jobs here.
    """
    found = _require(deployment)
    runs = [
        {**message["run"], **({"host": s.host} if len(found) > 1 else {})}
        for s in found
        for message in _told(s, "history", job, str(count))
    ]
    yield from sorted(runs, key=_moment)[-count:]


def output(deployment: Deployment, job: str, run: int, host: str | None = None) -> Iterator[str]:
    """What a run printed, as far as it is kept; on this host where several have run the job.

    Raises:
        Refused: there is no such run.
    """
    found = _require(deployment)
    chosen = next((s for s in found if s.host == host), None) if host else found[0]
    if chosen is None:
        raise Refused(f"{host} keeps no jobs", next=f"tenfold jobs {job}    names its runs")
    for message in _told(chosen, "output", job, str(run)):
        if "refused" in message:
            raise Refused(message["refused"], next=f"tenfold jobs {job}    names its runs")
        if "output" in message:
            yield message["output"]


def run(
    deployment: Deployment, job: str, by: str, hear: Callable[[Mapping[str, Any]], None]
) -> Mapping[str, Any]:
    """Have a job run now, and wait for its end; gives what became of it.

    Args:
        deployment: whose.
        job: which.
        by: who asks.
        hear: told ``{"waits"}``, with the scheduler's state, while it does not begin anything;
            ``{"run"}`` when it begins, and ``{"output"}`` for each line of it.

    Raises:
        Refused: it does not run now.
        TargetError: the host broke off; a run that had begun goes on.
    """
    ended: list[Mapping[str, Any]] = []

    def line(text: str) -> None:
        message = json.loads(text)
        if "refused" in message:
            ended.append(message)
        elif "ended" in message:
            ended.append(message["ended"])
        else:
            hear(message)

    chosen = _keeping(_require(deployment))
    if chosen.unit.state not in BEGINS_JOBS:
        hear({"waits": chosen.unit.state})
    _ask(chosen.agent, ("run", job, by), line)
    if not ended:
        raise TargetError(
            f"{job} could not be followed to its end",
            changed="it may have begun, and goes on then",
            next=f"tenfold jobs {job}",
        )
    if "refused" in ended[0]:
        raise Refused(ended[0]["refused"], next=f"tenfold jobs {job}    tells of its runs")
    return ended[0]


def _merged(
    name: str, told: list[tuple[Scheduler, list[dict[str, Any]]]], state: str, at: float
) -> Job:
    """One job, of which each host that kept it knows its own runs."""
    mine = [(s, line) for s, lines in told for line in lines if line["name"] == name]
    each = [_job(line, s.unit.state, at) for s, line in mine]
    newest = max(range(len(each)), key=lambda n: _ended(mine[n][1]))
    keeps = next((n for n, (_, line) in enumerate(mine) if line.get("keeps", True)), newest)
    return replace(
        each[newest],
        next=each[keeps].next if state in BEGINS_JOBS else None,
        running=tuple(run for job in each for run in job.running),
    )


def _ended(line: Mapping[str, Any]) -> float:
    previous = line["previous"] or {}
    return max(float(previous.get("ended") or 0.0), float(line["missed_at"] or 0.0))


def _moment(run: Mapping[str, Any]) -> float:
    return float(run["slot"] or run["began"] or 0.0)


def _job(told: Mapping[str, Any], state: str, at: float) -> Job:
    schedule = Schedule(told["every_seconds"], told["cron"], told["timezone"])
    goes_on = state in RUNS_JOBS
    following = next_slot(schedule, max(told["last"], at)) if state in BEGINS_JOBS else math.inf
    return Job(
        name=told["name"],
        schedule=str(schedule),
        next=following if following < math.inf else None,
        running=tuple(told["running"]) if goes_on else (),
        previous=told["previous"],
        bad_runs=told["bad_runs"],
        missed=told["missed"],
        missed_at=told["missed_at"],
    )


def _of_the_file(deployment: Deployment, now: Observation) -> tuple[Job, ...]:
    spec = deployment.spec()
    if now.release is not None:
        spec = shelf.spec_of(deployment.layout, now.release)
    return tuple(
        Job(name, str(Schedule(table.every_seconds, table.cron, table.timezone)), None, (), None)
        for name, table in sorted(spec.jobs.items())
    )


def _report(agent: HostAgent) -> list[dict[str, Any]]:
    """Read by the host itself, as the user that wrote it."""
    found: list[str] = []
    path = f"{_folder(agent)}/{FILE}"
    read = agent.run(
        Command(("cat", path), within_seconds=READ_SECONDS, thorough=False), found.append
    )
    return [json.loads(line) for line in found] if read.code == 0 else []


def _told(scheduler: Scheduler, *arguments: str) -> Iterator[Mapping[str, Any]]:
    found: list[str] = []
    _ask(scheduler.agent, arguments, found.append)
    return (json.loads(line) for line in found)


def _ask(agent: HostAgent, arguments: tuple[str, ...], hear: Callable[[str], None]) -> None:
    what, *more = arguments
    argv = (sys.executable, "-I", "-m", "tenfold.jobs", what, _folder(agent), *more)
    done = agent.run(Command(argv, within_seconds=A_DAY_SECONDS, thorough=False), hear)
    if done.code != 0:
        raise TargetError(
            f"the book of jobs on {agent.paths.root} cannot be read", detail=done.tail
        )


def _folder(agent: HostAgent) -> str:
    return f"{agent.paths.root}/data/{POOL}"


def _require(deployment: Deployment) -> list[Scheduler]:
    found = _schedulers(deployment, deployment.observe())
    if not found:
        raise Refused(
            "nobody runs jobs here: nothing is up, or the release that serves has none",
            next="tenfold up    or, with [jobs] in tenfold.toml, tenfold deploy",
        )
    return found


def _keeping(found: list[Scheduler]) -> Scheduler:
    """Whoever keeps the schedule now: a run that is asked for is not to overlap one of its."""
    for scheduler in found:
        lines = _report(scheduler.agent)
        if scheduler.unit.state in RUNS_JOBS and any(x.get("keeps", True) for x in lines):
            return scheduler
    return next((s for s in found if s.unit.state in BEGINS_JOBS), found[0])


def _schedulers(deployment: Deployment, now: Observation) -> list[Scheduler]:
    """Every host that keeps jobs and answers, with the newest scheduler there."""
    found = []
    for host in now.hosts:
        units = sorted(host.pool(POOL), key=lambda u: u.generation)
        agent = deployment.target.reach(host.name) if units else None
        if agent is not None:
            works = [u for u in units if u.state in RUNS_JOBS]
            found.append(Scheduler(host.name, agent, (works or units)[-1]))
    return found
