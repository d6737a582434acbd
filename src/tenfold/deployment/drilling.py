"""A drill: break, watch, mend, and say what happened. The caller holds the lock."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.deployment import drill_left
from tenfold.deployment.drill_scene import Ground, ground
from tenfold.drills import effects, guard, writing
from tenfold.drills.deciding import decide
from tenfold.drills.judging import Compared, Judgement, Seen, judge
from tenfold.drills.kept import TABLE, Broken, Kept
from tenfold.drills.watching import Site, Watch
from tenfold.drills.writing import Writer
from tenfold.engines.postgresql.peers import database
from tenfold.errors import LoadError, TenfoldError
from tenfold.load import judge as compare_ledger
from tenfold.load import new_loop, new_run_id, plan_load
from tenfold.secret import Secret
from tenfold.topology.settings import PatroniSettings
from tenfold.wiring.document import Database

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.drills.model import Decision, Drill, Situation
    from tenfold.load.client import At
    from tenfold.load.plan import LoadPlan
    from tenfold.observe.recorder import Recorder

BEFORE_WRITES = 20
BEFORE_SECONDS = 60.0
AFTER_WRITES = 20
OVER_SECONDS = 60.0
"""How much longer than promised it is watched whether writes go on after all."""
WELL_SECONDS = 180.0
"""How long it may take until all is as before."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a drill does, for a listener."""

    text: str

    def sentence(self) -> str:
        """What it does, for people."""
        return self.text


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill that is over."""

    drill: Drill
    decision: Decision
    seen: Seen
    judgement: Judgement
    missing: tuple[str, ...]
    ledger: Path | None

    def to_json(self) -> dict[str, Any]:
        """What its report has beside steps and requests."""
        told = asdict(self.judgement)
        told["findings"] = [asdict(finding) for finding in self.judgement.findings]
        return {
            "name": self.drill.name,
            "harm": self.decision.harm.sentence(),
            "level": self.decision.level,
            "notes": list(self.decision.notes),
            "held": self.judgement.held,
            "fault": self.seen.fault,
            "mended": self.seen.mended,
            "well": self.seen.well,
            "leader_before": self.seen.leader_before,
            "leader_after": self.seen.leader_after,
            "led": [asdict(led) for led in self.seen.led],
            "compared": None if self.seen.compared is None else asdict(self.seen.compared),
            "missing": list(self.missing),
            "ledger": None if self.ledger is None else str(self.ledger),
            **told,
        }


def planned(deployment: Deployment, drill: Drill, *, anyway: bool) -> Decision:
    """What would be done, and what is promised for it. Raises as :func:`decide`."""
    there = ground(deployment)
    return decide(drill, there.situation(), there.means(), anyway=anyway)


def carry_out(
    deployment: Deployment,
    drill: Drill,
    url: str,
    at: At,
    recorder: Recorder,
    *,
    rate: float | None = None,
    anyway: bool = False,
) -> Drilled:
    """Hold the drill. Whatever happens, what was broken is mended when this returns or raises.

    Args:
        deployment: whose lock is held.
        drill: what is asked for.
        url, at: the site, and the addresses of its edges.
        recorder: is told what is done.
        rate: requests per second; ``None`` takes that of ``[load]``.
        anyway: see :func:`tenfold.drills.deciding.decide`.

    Raises:
        Refused, UsageError: it is not begun; nothing was broken.
        StepFailed: it could not be broken, or not be mended.
        LoadError: nobody could watch.
    """
    there = ground(deployment)
    before = there.situation()
    decision = decide(drill, before, there.means(), anyway=anyway)
    kept = Kept(deployment.layout.state)
    plan, writes = _load_plan(deployment, rate)
    path = _ledger(deployment) if writes or plan.keeps_ledger else None
    with ExitStack() as stack:
        remains = stack.enter_context(_on_record(there, drill, kept, table=writes))
        servers = there.servers()
        site = Site(url, at, servers, path or Path(os.devnull), Writer(servers) if writes else None)
        watch = stack.enter_context(Watch(plan, site))
        with _told(recorder, "the site is watched: requests, writes, who leads"):
            _until(lambda: watch.written_since(0.0) >= BEFORE_WRITES, BEFORE_SECONDS, watch)
        times = _break_and_mend(there, decision, watch, kept, recorder)
        with _told(recorder, "all is as before: every follower in sync, all hosts there"):
            missing = _until_well(there, watch)
        well = time.time() if not missing else None
        if not missing:
            found = kept.read()
            assert found is not None
            kept.mended(found)
        after = there.situation()
        now = time.time()
        _wait(lambda: watch.written_since(now) >= AFTER_WRITES, OVER_SECONDS, watch)
        watch.end()
        watch.check()
        compared = None
        if path is not None:
            with _told(recorder, "the ledger is compared with the database"):
                compared = _compare(there, plan, path, after, url, at, writes=writes)
    seen = Seen(
        fault=times[0],
        broken=times[1],
        mended=times[2],
        until=watch.until,
        well=well,
        requests=watch.requests,
        led=watch.led,
        leader_before=before.leader,
        leader_after=after.leader,
        compared=compared,
    )
    missing = (*missing, *remains)
    return Drilled(drill, decision, seen, judge(decision.promise, seen), missing, path)


def _break_and_mend(
    there: Ground,
    decision: Decision,
    watch: Watch,
    kept: Kept,
    recorder: Recorder,
) -> tuple[float, float, float]:
    """When breaking it began, when it was broken, and when it was mended."""
    begun = kept.read()
    assert begun is not None
    broken = kept.write(replace(begun, since=time.time(), harm=decision.harm))
    try:
        with _told(recorder, decision.harm.sentence()):
            struck: list[float] = []
            effects.inflict(broken, there.scene, kept, lambda: struck.append(time.time()))
            fault, done = struck[0], time.time()
        if decision.lasts_seconds is None:
            with _told(recorder, "writes go on"):
                patience = decision.promise.writes_wait_seconds + OVER_SECONDS
                _wait(lambda: watch.written_since(done) >= AFTER_WRITES, patience, watch)
        else:
            end = done + decision.lasts_seconds
            with _told(recorder, f"it stays so for {decision.lasts_seconds:g} s"):
                _wait(lambda: time.time() > end, decision.lasts_seconds + OVER_SECONDS, watch)
    finally:
        with _told(recorder, "what was broken is mended"):
            found = kept.read()
            assert found is not None
            effects.mend(found, there.scene)
            kept.trace(found, mended_at=time.time())
    return fault, done, time.time()


def _mending(deployment: Deployment) -> list[str]:
    """The command that mends what this one leaves broken if it is killed."""
    layout = deployment.layout
    named = ["--env", layout.environment] if layout.environment else []
    here = [sys.executable, "-I", "-m", "tenfold", "--dir", str(layout.project)]
    return [*here, *named, "drill", "--mend"]


def _until_well(there: Ground, watch: Watch) -> tuple[str, ...]:
    """Wait until nothing is missing; gives what still is when the time is up."""
    deadline = time.monotonic() + WELL_SECONDS
    while True:
        missing = _missing(there)
        if not missing or time.monotonic() > deadline:
            return missing
        watch.check()
        time.sleep(5 * _LOOK_SECONDS)


def _missing(there: Ground) -> tuple[str, ...]:
    try:
        return there.missing()
    except TenfoldError as fault:  # a host that comes back just now
        return (fault.what,)


def _until(condition: Callable[[], bool], within_seconds: float, watch: Watch) -> None:
    """As :func:`_wait`; raises ``LoadError`` when the time is up."""
    if not _wait(condition, within_seconds, watch):
        raise LoadError(
            f"the drill's load did not get {BEFORE_WRITES} answers within {within_seconds:g} s",
            changed="nothing: nothing was broken yet",
            next="tenfold load --duration 10    says why",
        )


def _wait(condition: Callable[[], bool], within_seconds: float, watch: Watch) -> bool:
    deadline = time.monotonic() + within_seconds
    while not condition():
        watch.check()
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


@contextmanager
def _told(recorder: Recorder, text: str) -> Iterator[None]:
    act, began = Act(text), time.monotonic()
    recorder.started(act)
    try:
        yield
    except BaseException as error:
        recorder.failed(act, error)
        raise
    recorder.finished(act, time.monotonic() - began)


def _load_plan(deployment: Deployment, rate: float | None) -> tuple[LoadPlan, bool]:
    """What is asked of the site, and whether writes are made by SQL beside it."""
    table = deployment.spec().load
    plan = plan_load(table, run_id=new_run_id(), rate=rate, path=deployment.layout.spec)
    return plan, not (plan.keeps_ledger and plan.source is not None)


def _ledger(deployment: Deployment) -> Path:
    folder = deployment.layout.state / "ledgers"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"drill-{datetime.now():%Y-%m-%d-%H%M%S}.ledger"


@contextmanager
def _on_record(there: Ground, drill: Drill, kept: Kept, *, table: bool) -> Iterator[list[str]]:
    """What is left if this drill is killed is on disk from now on, and somebody waits to mend it.

    What is left when it ends in order is added to the list: it hides no error of the drill's own.
    """
    traces = {TABLE: True} if table else {}
    kept.write(Broken(drill.name, os.getpid(), time.time(), None, traces))
    guard.begin(kept.path, _mending(there.deployment))
    remains: list[str] = []
    try:
        if table:
            for statement in writing.prepared(_role(there)):
                drill_left.order(there.blueprint, statement)
        yield remains
    finally:
        why = drill_left.clear(there.deployment, kept)
        remains += [] if why is None else [why]


def _role(there: Ground) -> str:
    return database(there.blueprint.topology.of(PatroniSettings)[0]).app_role


def _compare(
    there: Ground, plan: LoadPlan, path: Path, now: Situation, url: str, at: At, *, writes: bool
) -> Compared:
    found = there.servers()
    leads = found[now.leader] if now.leader in found else next(iter(found.values()))
    place = Database(host=leads.host, port=leads.port, name=leads.database, user=leads.user)
    dsn = Secret(place.url(leads.password.reveal()))
    source = writing.SOURCE if writes else plan.source
    with asyncio.Runner(loop_factory=new_loop) as runner:
        came = runner.run(compare_ledger(path, source, dsn=dsn, base_url=url, at=at))
    return Compared(
        acknowledged=came.acknowledged,
        lost=len(came.lost),
        duplicated=len(came.duplicated),
        unknown_applied=len(came.unknown_applied),
        unknown_not_applied=len(came.unknown_not_applied),
    )
