"""Letting requests wait, for a bounded time, and letting them go on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count

import psycopg

from tenfold.engines.postgresql.facts import Transaction, transactions
from tenfold.engines.postgresql.switch import follows
from tenfold.errors import StepFailed, TenfoldError
from tenfold.interrupts import at_once
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Unit
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions import steps
from tenfold.transitions.crossing import SETTLE_SECONDS
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Tell, World

QUIET_SHARE = 0.1
"""A hold is begun only while no request is older than this share of its bound ..."""
DRAIN_SHARE = 0.4
"""... and what is in hand then may take this share of it; the rest is for the switch."""
BRIEF_SECONDS = 0.06
BRIEF_TRIES = 3
"""First, though, nobody is kept waiting for a request that began right after the lull."""

FRESH_SECONDS = 10.0
"""What was written since an older checkpoint may take a stop longer than requests may wait."""

LULL_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.05
FEW = 3
RETRY_SECONDS = 1.0
LATE_SECONDS = 0.5
"""A command that has said nothing for so much longer than a hold may last stands still ..."""
GRACE_SECONDS = 5.0
"""... and the agent's own bound leaves time to end it, and to take the hold back in order."""


@effect.register
def _(step: steps.Settle, world: World, tell: Tell) -> None:
    agent, pool = _pool(step.pool, world)
    tell("idle connections run out")
    agent.settle(pool, step.within_seconds)


@effect.register
def _(step: steps.Hold, world: World, tell: Tell) -> None:
    try:
        _have_wait(step, world, tell)
    finally:
        # By the next hold of the same command another database may lead, or this one be down.
        world.evidence.checkpoint = None


def _have_wait(step: steps.Hold, world: World, tell: Tell) -> None:
    held = [_pool(path, world) for path in step.pools]
    deadline = time.monotonic() + step.postpone_seconds
    began = time.monotonic()
    for attempt in count():
        if not step.in_vain:
            _await_quiet(held, step, deadline, world, tell)
            while _is_stale(world):  # it was put off: what was prepared for it is prepared again
                _prepare_again(held, world, tell)
                _await_quiet(held, step, deadline, world, tell)
        lull = 0.0 if step.in_vain else LULL_SECONDS
        ago = _hold_all(held, step.max_seconds + GRACE_SECONDS, lull)
        world.evidence.began(
            step.pools,
            ago,
            postponed=time.monotonic() - began,
            within_seconds=step.max_seconds + LATE_SECONDS,
        )
        if step.in_vain:
            return
        try:
            within = drain_seconds(attempt, step.max_seconds)
            at_once([partial(agent.drained, pool, within) for agent, pool in held])
        except StepFailed as late:
            _release_all(held)
            world.evidence.ended()
            if attempt >= BRIEF_TRIES and time.monotonic() >= deadline:
                raise _postponed_for_too_long(step, late.what, world) from late
            tell(f"{late.what}: requests go on, another try in a moment")
            time.sleep(RETRY_SECONDS)
            # those who were let go keep connections again
            at_once([partial(agent.settle, pool, SETTLE_SECONDS) for agent, pool in held])
        else:
            return


def _hold_all(held: Sequence[tuple[HostAgent, str]], within_seconds: float, lull: float) -> float:
    """Have all of these pools hold; gives for how long the first of them has.

    The first one looks for a lull. The others follow it at once: who waited in front of it until
    each had found a lull of its own would wait for as long.

    Raises:
        StepFailed: one cannot; then none does.
    """
    (first, pool), *others = held
    began = time.monotonic() - first.hold(pool, within_seconds, lull)
    try:
        at_once([partial(_hold, agent, name, within_seconds) for agent, name in others])
    except TenfoldError:
        _release_all(held)
        raise
    return time.monotonic() - began


def _hold(agent: HostAgent, pool: str, within_seconds: float) -> None:
    agent.hold(pool, within_seconds)


def _release_all(held: Sequence[tuple[HostAgent, str]]) -> None:
    at_once([partial(agent.release, pool) for agent, pool in held])


@effect.register
def _(step: steps.Release, world: World, tell: Tell) -> None:
    host, _, pool = step.pool.partition("/")
    agent = world.target.reach(host)
    if agent is not None:
        agent.release(pool)
    world.evidence.ended(step.pool)


def let_go(world: World) -> None:
    """Have whoever is held for this transition accept again; fine if nobody is."""
    hold = world.evidence.holding()
    if hold is not None:
        at_once([partial(_let_go, path, world) for path in sorted(hold.left)])


def let_go_behind(error: BaseException, world: World) -> None:
    """Have nobody wait any longer for what this error ended; where somebody does, it says so."""
    try:
        let_go(world)
    except TenfoldError as silent:
        if isinstance(error, TenfoldError):
            known = f"{error.changed}\n" if error.changed else ""
            error.changed = (
                f"{known}requests wait until their host lets them go by itself: {silent.what}"
            )


def _let_go(path: str, world: World) -> None:
    agent, pool = _pool(path, world)
    agent.release(pool)
    world.evidence.ended(path)


def drain_seconds(attempt: int, max_seconds: float) -> float:
    """How long a hold of at most ``max_seconds`` waits for requests in hand, by attempt from 0."""
    longest = max_seconds * DRAIN_SHARE
    return min(BRIEF_SECONDS, longest) if attempt < BRIEF_TRIES else longest


def remaining(world: World, max_seconds: float) -> float:
    """How much of the hold's bound is left; what is fine outside of a hold.

    Raises:
        StepFailed: nothing is.
    """
    hold = world.evidence.holding()
    left = max_seconds if hold is None else max_seconds - hold.seconds
    if left <= 0:
        raise StepFailed(
            f"the switch took longer than requests may wait ({max_seconds:g} s)",
            next="tenfold resume tries again; a longer [transition] max_hold gives it more time",
        )
    return left


def _await_quiet(
    held: Sequence[tuple[HostAgent, str]],
    step: steps.Hold,
    deadline: float,
    world: World,
    tell: Tell,
) -> None:
    """Wait while a request runs that would make the others wait for too long."""
    bound = step.max_seconds * QUIET_SHARE
    while (oldest := max(agent.longest_request(pool) for agent, pool in held)) > bound:
        if time.monotonic() >= deadline:
            why = f"a request has run for {oldest:.0f} s"
            raise _postponed_for_too_long(step, why, world)
        tell(f"a request has run for {oldest:.1f} s; the switch waits for it")
        time.sleep(LOOK_EVERY_SECONDS)


def _is_stale(world: World) -> bool:
    written = world.evidence.checkpoint
    return written is not None and time.monotonic() - written[1] > FRESH_SECONDS


def _prepare_again(held: Sequence[tuple[HostAgent, str]], world: World, tell: Tell) -> None:
    assert world.evidence.checkpoint is not None
    again, _ = world.evidence.checkpoint
    tell(again.sentence())
    at_once([partial(agent.settle, pool, SETTLE_SECONDS) for agent, pool in held])
    effect(again, world, tell)


def _postponed_for_too_long(step: steps.Hold, why: str, world: World) -> StepFailed:
    found = in_the_way(_transactions(world), step.max_seconds * QUIET_SHARE)
    return StepFailed(
        f"the switch was put off for {step.postpone_seconds:g} s: {why}",
        changed="nothing for your users: requests go on as before",
        next="tenfold resume    at a quieter hour;  tenfold status --routes  shows what is slow",
        detail="\n".join(f"open in the database: {t}" for t in found) or None,
    )


def in_the_way(found: Iterable[Transaction], bound_seconds: float) -> list[Transaction]:
    """The few of these transactions that requests may be waiting for, the likeliest first."""
    old = [t for t in found if t.waiting or t.seconds > bound_seconds]
    return sorted(old, key=lambda t: (-t.waiting, -t.seconds))[:FEW]


def _transactions(world: World) -> tuple[Transaction, ...]:
    """Those at whoever leads; none where that cannot be asked."""
    for member in world.blueprint.topology.of(DatabaseSettings):
        assert isinstance(member, Unit)
        with suppress(TenfoldError, psycopg.Error):
            session = world.sessions.at(member, world.blueprint.scene(member))
            if not follows(session):
                return transactions(session)
    return ()


def _pool(path: str, world: World) -> tuple[HostAgent, str]:
    host, _, pool = path.partition("/")
    return world.agent(host), pool
