"""Going back to a moment in the place of what runs: begun, taken back, completed, gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tenfold.backups.names import new_id
from tenfold.deployment import backups as keeping
from tenfold.deployment import site_facts, work
from tenfold.deployment.deployment import RESTORE as FACT
from tenfold.errors import Interrupted, Refused, TenfoldError
from tenfold.stages.path import BY_ITSELF
from tenfold.transitions import restoring
from tenfold.transitions.perform import World, perform
from tenfold.transitions.perform.restoring import look_beside
from tenfold.transitions.perform.sessions import Sessions
from tenfold.transitions.restoring import Aim, Restore, choices
from tenfold.transitions.runner import Runner

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.restore import Choice
    from tenfold.transitions.runner import Listener

EDGE_SECONDS = 3.0
"""So much earlier than the edge would answer 504, a restore that takes too long is taken back."""


def open_one(deployment: Deployment) -> Restore | None:
    """The restore in place that is begun and not complete."""
    return restoring.from_json(deployment.facts().get(FACT))


def require_none(deployment: Deployment, command: str) -> None:
    """See that no restore waits to be completed, before a move between stages.

    Raises:
        Refused: one does.
    """
    found = open_one(deployment)
    if found is not None:
        raise Refused(
            f"tenfold {command} has to wait: a restore is not complete yet",
            next="\n".join(f"tenfold {choice}" for choice in choices(found)),
        )


def begin(deployment: Deployment, chosen: Choice, listener: Listener) -> Restore:
    """Go back, with the data of before kept beside it. The caller holds the lock.

    Raises:
        Refused: the app does not run, a move or another restore is not complete.
        TenfoldError: it failed; what ran goes on.
    """
    require_none(deployment, "db restore")
    if deployment.position in BY_ITSELF:
        raise Refused(
            "at stage 1k the other members have what was written since, and would lead with that"
            " instead of what is brought back",
            changed="nothing",
            next="tenfold db restore --into DIR    restores beside it, for a look or some rows;\n"
            "to go back with all of it:  tenfold shrink --to 100,  tenfold complete,"
            "  tenfold db restore,\nand when that is complete  tenfold grow --to 1k",
        )
    if deployment.crossing is not None:
        raise Refused(
            "a move between stages is not complete yet; its other database would be left behind",
            next="tenfold complete    or  tenfold reverse  and  tenfold abort",
        )
    status = deployment.status()
    if status.state == "stopped":
        raise Refused(
            f"{status.title} does not run",
            next="tenfold up    first, or restore beside it:  tenfold db restore --into DIR",
        )
    intent = work.serving(deployment)
    unit = next(u for u in intent.goal.topology.units if intent.goal.leads(u))
    wanted = Restore(
        unit=unit.path,
        id=new_id(time.time()),
        lineage=chosen.lineage.name,
        backup=chosen.backup.id,
        timeline=chosen.lineage.timeline,
        target=chosen.target,
        began=time.time(),
    )
    return _go(deployment, "db restore", wanted, listener)


def go_on(deployment: Deployment, command: str, listener: Listener) -> Restore | None:
    """``resume``, ``abort``, ``reverse`` or ``complete`` of a restore; ``None`` if that ended it.

    Raises:
        Refused: it makes no sense now.
        TenfoldError: it failed.
    """
    found = open_one(deployment)
    assert found is not None
    if command not in choices(found):
        raise Refused(
            f"tenfold {command} makes no sense now: a restore is "
            + ("done, and not complete" if found.reached else "cut off half-way"),
            next="\n".join(f"tenfold {choice}" for choice in choices(found)),
        )
    if command == "abort":
        _go(deployment, command, replace(found, aim="before"), listener)
    if command in ("abort", "complete"):
        if command == "complete":
            keeping.require_archived(deployment)
        _go(deployment, command, replace(found, aim="gone"), listener)
        deployment.journal.set(FACT, None)
        return None
    aims: dict[str, Aim] = {"restored": "before", "before": "restored", "gone": "gone"}
    aim = aims[found.aim] if command == "reverse" else found.aim
    done = _go(deployment, command, replace(found, aim=aim), listener)
    if done.aim == "gone":
        deployment.journal.set(FACT, None)
        return None
    return done


def _go(deployment: Deployment, command: str, wanted: Restore, listener: Listener) -> Restore:
    journal = deployment.journal
    wanted = replace(wanted, reached=False)
    before = journal.facts().get(FACT)
    journal.set(FACT, wanted.to_json())
    intent = work.serving(deployment)
    sessions = Sessions()
    world = World(
        blueprint=intent.blueprint,
        target=intent.target,
        journal=journal,
        releases=intent.releases,
        sessions=sessions,
    )
    (unit,) = (u for u in intent.goal.topology.units if u.path == wanted.unit)
    hold = intent.spec.edge.hold_seconds - EDGE_SECONDS
    world = replace(world, terms=replace(world.terms, max_hold_seconds=hold))
    beside = look_beside(unit, wanted.id, world)
    todo = restoring.plan(command, wanted, beside, deployment.observe(), intent.goal, hold)
    runner = Runner(journal, lambda step, tell: perform(step, world, tell), listener)
    try:
        with site_facts.under_way(intent, command):
            runner.run(todo)
    except (TenfoldError, KeyboardInterrupt) as error:
        _backed_out(deployment, before, wanted, lambda: look_beside(unit, wanted.id, world))
        raise _told(error, deployment, command) from error
    finally:
        world.renewals.close()
        sessions.close()
    done = replace(wanted, reached=True)
    journal.set(FACT, done.to_json())
    return done


def _backed_out(
    deployment: Deployment,
    before: object,
    wanted: Restore,
    look: Callable[[], restoring.Beside],
) -> None:
    """Where everything was taken back, it is as before the command; nothing was begun if nothing
    lies there."""
    last = deployment.journal.last()
    if last is None or last.outcome != "backed-out":
        return
    found = look()
    if before is None and not found.there and not found.restored:
        deployment.journal.set(FACT, None)
    elif before is None:
        deployment.journal.set(FACT, wanted.to_json())
    else:
        deployment.journal.set(FACT, before)


def _told(error: BaseException, deployment: Deployment, command: str) -> TenfoldError:
    left = open_one(deployment)
    ways = [] if left is None else [f"tenfold {choice}" for choice in choices(left)]
    if not isinstance(error, TenfoldError):
        error = Interrupted(command)
    if ways:
        error.next = "\n".join([*([error.next] if error.next else []), *ways])
    return error
