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
from tenfold.transitions.crossing import hold, serving, settle
from tenfold.transitions.planner import Goal, plan_generations, wanted_workers


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
    pools = serving(goal.topology.app_pools, now)
    if not pools:
        return list(changes)
    rest = st.at_once(
        st.RestWorkers(w.pool.path, postpone_seconds=bounds.jobs_seconds)
        for w in wanted_workers(_release(goal), now, goal)
        if any(u.state not in workers.AT_REST for u in w.units)
    )
    return [
        *rest,
        *settle(pools),
        *before,
        hold(pools, bounds.max_hold_seconds, bounds.postpone_seconds),
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
    pools = [pool for pool in goal.topology.app_pools if workers.observed(pool, now)]
    if not pools:
        return []
    release = _release(goal)
    # What is warm already may have opened its sessions before they were lost.
    handovers, warm = plan_generations(pools, now, goal, release, ())
    found = wanted_workers(release, now, goal)
    changes = tuple(workers.change(w) for w in (workers.rested(found) if rested else found))
    return [
        *warm,
        *handovers,
        *workers.before(changes),
        *workers.after(changes),
    ]


def _release(goal: Goal) -> str:
    assert goal.release is not None, "only an app that has served is interrupted"
    return goal.release
