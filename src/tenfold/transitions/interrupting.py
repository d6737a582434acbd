"""Plans of what ends the sessions of the app's workers: a database that restarts, for one. Pure.

Requests wait meanwhile, background workers rest, and new workers take over, because the old ones
have sessions of a server that is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tenfold.topology.observation import Observation
from tenfold.transitions import steps as st
from tenfold.transitions import workers
from tenfold.transitions.crossing import SETTLE_SECONDS
from tenfold.transitions.planner import Goal, plan_generation, wanted_workers


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long requests may wait, and how long for a moment in which nobody is in the way.

    ``jobs_seconds``: how long jobs of background workers are waited for, then nothing is done;
    ``None`` has them ended at their own bound.
    """

    max_hold_seconds: float
    postpone_seconds: float = 600.0
    jobs_seconds: float | None = None


def while_requests_wait(
    changes: Sequence[st.Step],
    now: Observation,
    goal: Goal,
    bounds: Bounds,
    before: Sequence[st.Step] = (),
) -> list[st.Step]:
    """These changes, while nobody is served; just these where nobody is.

    Args:
        changes: what ends sessions.
        now: what is.
        goal: what shall be, of which the workers are taken.
        bounds: of the wait.
        before: right before requests wait: what makes ``changes`` short.
    """
    if not _serves(now, goal):
        return list(changes)
    pool = goal.topology.app_pool
    rest = workers.at_once(
        st.RestWorkers(w.pool.path, postpone_seconds=bounds.jobs_seconds)
        for w in wanted_workers(_release(goal), now, goal)
        if any(u.state not in workers.AT_REST for u in w.units)
    )
    return [
        *rest,
        st.Settle(pool.path, SETTLE_SECONDS),
        *before,
        st.Hold(pool.path, bounds.max_hold_seconds, bounds.postpone_seconds),
        *changes,
        *new_workers(now, goal, rested=True),
    ]


def new_workers(now: Observation, goal: Goal, *, rested: bool) -> list[st.Step]:
    """A new generation of every kind, of the release that serves, none that was warm before.

    Args:
        now: what is.
        goal: what shall be.
        rested: the background workers have been sent to rest by the steps before.
    """
    pool = goal.topology.app_pool
    host = now.host(pool.host)
    units = host.pool(pool.name) if host else ()
    if not units:
        return []
    release = _release(goal)
    digest = goal.fingerprints.get(pool.path)
    # What is warm already may have opened its sessions before they were lost.
    generation, warm = plan_generation(pool, units, release, digest, ())
    found = wanted_workers(release, now, goal)
    changes = tuple(workers.change(w) for w in (workers.rested(found) if rested else found))
    return [
        *warm,
        st.Handover(pool.path, generation, release),
        *workers.before(changes),
        *workers.after(changes),
    ]


def _serves(now: Observation, goal: Goal) -> bool:
    pool = goal.topology.app_pool
    host = now.host(pool.host)
    units = host.pool(pool.name) if host else ()
    return any(u.state not in ("warm", "stopped", "failed") for u in units)


def _release(goal: Goal) -> str:
    assert goal.release is not None, "only an app that has served is interrupted"
    return goal.release
