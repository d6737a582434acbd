"""Measuring how long requests will wait, before anything was moved here: a trial on the host of the
database that leads, once for a host and a version of PostgreSQL; the journal keeps what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, count
from statistics import median
from typing import TYPE_CHECKING

from tenfold.deployment import work
from tenfold.deployment.expected_hold import (
    Tried,
    entries_while_held,
    expected,
    promotes,
    tried_from_json,
)
from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.trial import Trial, parse_trial
from tenfold.errors import Refused, TenfoldError, UnitFailed
from tenfold.observe.traffic import whole
from tenfold.topology.model import Unit
from tenfold.topology.process import Command
from tenfold.transitions.perform.holding import BRIEF_SECONDS
from tenfold.transitions.perform.serving import HANDOVER_SECONDS

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.forecast import Forecast
    from tenfold.deployment.intent import Intent

TRIED = "hold_trial"
"""Fact: what a trial of a change of leaders measured, and where."""

SAMPLES = 5
"""What is short is timed so often; the median counts."""

ORDERS = 3
"""A fence is three orders for the agent: to mark, to stop, to look. The trial itself is one."""

NOTHING = Command(("true",), cwd="/", within_seconds=10.0)


def with_hold(deployment: Deployment, told: Forecast, tell: Callable[[str], None]) -> Forecast:
    """The forecast with how long requests will wait, where they will for a change of leaders and
    no move or rehearsal has shown it. A trial that fails stops nothing: the forecast says why.

    Args:
        deployment: of which it is.
        told: the forecast.
        tell: told what is being done, when it takes long.
    """
    steps = tuple(chain.from_iterable(s.steps for s in told.stretches))
    if told.hold or not promotes(steps):
        return told
    try:
        tried = _tried(deployment, tell)
        p50_ms = whole(deployment.metrics()).p50_ms
    except TenfoldError as why:
        return replace(told, untried=why.what)
    hold = expected(
        tried,
        entries=entries_while_held(steps),
        # Longer than that a first hold waits for nobody.
        drain_seconds=None if p50_ms is None else min(p50_ms / 1000, BRIEF_SECONDS),
        handover_seconds=deployment.facts().get(HANDOVER_SECONDS),
        start_seconds=told.start_seconds,
    )
    return replace(told, hold=hold)


def _tried(deployment: Deployment, tell: Callable[[str], None]) -> Tried:
    """What the last trial measured, if that still holds; or a new one."""
    intent = work.serving(deployment)
    unit = intent.leader
    version = intent.toolbox.versions[unit.engine]
    known = tried_from_json(deployment.facts().get(TRIED))
    if known is not None and (known.postgresql, known.host) == (version, unit.host):
        return known
    if deployment.lock.holder() is not None:
        raise Refused("another command is at work")
    tell(f"tries on {unit.host} how long a change of leaders takes")
    measured = _trial(intent, unit)
    entries = count()  # SQLite writes nothing where nothing changes
    tried = Tried(
        postgresql=version,
        host=unit.host,
        day=time.strftime("%Y-%m-%d"),
        stop_seconds=round(measured.stop_seconds, 4),
        promote_seconds=measured.promote_seconds,
        journal_seconds=_seconds(lambda: deployment.journal.set(TRIED, {"entry": next(entries)})),
    )
    deployment.journal.set(TRIED, tried.to_json())
    return tried


def _trial(intent: Intent, unit: Unit) -> Trial:
    agent = intent.target.reach(unit.host)
    if agent is None:
        raise Refused(f"the agent of {unit.host} does not run")
    agent.write(intent.blueprint.scripts(unit))
    finished = agent.run(orders.trial(unit, intent.blueprint.scene(unit)))
    if finished.code != 0:
        last = finished.tail.strip().rpartition("\n")[2]
        raise UnitFailed(f"it exited {finished.code} on {unit.host}: {last}")
    try:
        found = parse_trial(finished.tail)
    except ValueError as fault:
        raise UnitFailed(f"it measured nothing on {unit.host}: {fault}") from fault
    orders_seconds = ORDERS * _seconds(lambda: agent.run(NOTHING))
    return replace(found, stop_seconds=found.stop_seconds + orders_seconds)


def _seconds(act: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(SAMPLES):
        began = time.monotonic()
        act()
        taken.append(time.monotonic() - began)
    return round(median(taken), 5)
