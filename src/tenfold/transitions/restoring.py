"""The planner of a restore in place: from what is to what is wanted of it. Pure.

As the others, a prefix of its plan may be carried out and the rest forgotten; planning again from
there gives the remainder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tenfold.topology.observation import Observation
from tenfold.transitions import steps as st
from tenfold.transitions import workers
from tenfold.transitions.planner import (
    Goal,
    Plan,
    plan_generation,
    plan_unit,
    wanted_workers,
)

SETTLE_SECONDS = 6.0
Aim = Literal["restored", "before", "gone"]
"""The database runs on what was brought back; on what it had before; nothing lies beside it."""


@dataclass(frozen=True, slots=True)
class Restore:
    """One restore in place that is begun and not complete.

    ``aim`` is what the last command wants, ``reached`` whether that is so. ``began`` is when it
    was, in seconds since the epoch; for the others see
    :class:`tenfold.transitions.steps.BringBeside`.
    """

    unit: str
    id: str
    lineage: str
    backup: str
    timeline: int
    target: float | None
    began: float
    aim: Aim = "restored"
    reached: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return asdict(self)


def from_json(data: Mapping[str, Any] | None) -> Restore | None:
    """Read what :meth:`Restore.to_json` wrote; ``None`` for ``None``."""
    return None if data is None else Restore(**data)


def choices(found: Restore) -> tuple[str, ...]:
    """The commands that lead on from here."""
    if not found.reached:
        return ("resume", "abort") if found.aim == "restored" else ("resume",)
    return ("complete", "reverse")


@dataclass(frozen=True, slots=True)
class Beside:
    """What was seen on the disk: something whole lies ``there`` beside the database, and the
    database is what was ``restored``."""

    there: bool
    restored: bool


def plan(
    kind: str, wanted: Restore, beside: Beside, now: Observation, goal: Goal, max_hold: float
) -> Plan:
    """The steps to what is wanted; ``max_hold`` is how long requests may wait, in seconds."""
    if wanted.aim == "gone":
        return Plan(kind, (st.RemoveBeside(wanted.unit, wanted.id),) if beside.there else ())
    steps: list[st.Step] = []
    restored = wanted.aim == "restored"
    if restored and not beside.restored and not beside.there:
        steps.append(
            st.BringBeside(
                wanted.unit,
                wanted.id,
                wanted.lineage,
                wanted.backup,
                wanted.timeline,
                wanted.target,
            )
        )
    if beside.restored == restored:
        return Plan(kind, (*steps, *_as_it_is(wanted, now, goal)))
    return Plan(kind, (*steps, *_exchange(wanted, now, goal, max_hold)))


def _as_it_is(wanted: Restore, now: Observation, goal: Goal) -> list[st.Step]:
    """It was exchanged already: whatever does not run yet does then, on this side."""
    host = now.host(wanted.unit.partition("/")[0])
    (unit,) = (u for u in goal.topology.units if u.path == wanted.unit)
    return [*plan_unit(unit, host, goal), *_renew(now, goal, rested=False)]


def _exchange(wanted: Restore, now: Observation, goal: Goal, max_hold: float) -> list[st.Step]:
    pool = goal.topology.app_pool
    host = now.host(pool.host)
    serves = host is not None and any(u.state == "running" for u in host.pool(pool.name))
    exchange = st.Exchange(wanted.unit, wanted.id, back=wanted.aim == "before")
    if not serves:
        return [exchange]
    rest = workers.at_once(
        st.RestWorkers(w.pool.path)
        for w in wanted_workers(_release(goal), now, goal)
        if any(u.state not in workers.AT_REST for u in w.units)
    )
    return [
        *rest,
        st.Settle(pool.path, SETTLE_SECONDS),
        st.Hold(pool.path, max_hold, 600.0),
        exchange,
        *_renew(now, goal, rested=True),
    ]


def _renew(now: Observation, goal: Goal, *, rested: bool) -> list[st.Step]:
    """New workers, for the old ones have sessions of a server that is gone."""
    pool = goal.topology.app_pool
    host = now.host(pool.host)
    units = host.pool(pool.name) if host else ()
    if not units:
        return []
    release = _release(goal)
    digest = goal.fingerprints.get(pool.path)
    generation, warm = plan_generation(pool, units, release, digest, ("warm",))
    found = wanted_workers(release, now, goal)
    changes = tuple(workers.change(w) for w in (workers.rested(found) if rested else found))
    return [
        *warm,
        st.Handover(pool.path, generation, release),
        *workers.before(changes),
        *workers.after(changes),
    ]


def _release(goal: Goal) -> str:
    assert goal.release is not None, "what is restored has served"
    return goal.release
