"""A host of stage 1k leaves, comes back, or is built anew: looked at, refused, carried out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tenfold.deployment import applied as applied_facts
from tenfold.deployment import clustered, restore_in_place, site_facts, work
from tenfold.deployment.carrying import carry_claimed
from tenfold.deployment.cross import terms_of
from tenfold.deployment.leading import etcd_state
from tenfold.deployment.rescue import standing_by
from tenfold.errors import Interrupted, LeftHalfDone, Refused, TenfoldError
from tenfold.interrupts import at_once
from tenfold.topology import drained
from tenfold.transitions import hosting, upgrading
from tenfold.transitions import steps as st
from tenfold.transitions.hosting import Does, HostMove, Standing
from tenfold.transitions.perform import World
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.serving import STALE
from tenfold.transitions.perform.sessions import Sessions
from tenfold.transitions.perform.switching import TO_WHOEVER_LEADS

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.transitions.clustering import SeenCluster
    from tenfold.transitions.planner import Plan
    from tenfold.transitions.runner import Listener


@dataclass(frozen=True, slots=True)
class Look:
    """What a command on a host would do; ``costs`` are what somebody has to agree to."""

    move: HostMove
    intent: Intent
    todo: Plan
    costs: tuple[str, ...]


@dataclass
class Walk:
    """What one command saw on its way."""

    evidence: Evidence = field(default_factory=Evidence)
    sessions: Sessions = field(default_factory=Sessions)


def open_move(deployment: Deployment) -> HostMove | None:
    """The command on a host that is begun and not over."""
    return hosting.from_json(deployment.facts().get(hosting.FACT))


def begun(deployment: Deployment, does: Does, host: str) -> HostMove:
    """A command on a host, given now. Who acts on it holds the lock: what it begins with may have
    been another command's end.

    Raises:
        Refused: one was cut off.
    """
    require_none(deployment)
    return HostMove(does, host, time.time(), away(deployment))


def away(deployment: Deployment) -> tuple[str, ...]:
    """The hosts that are drained."""
    return tuple(deployment.facts().get(drained.FACT) or ())


def emptied(deployment: Deployment) -> tuple[str, ...]:
    """Those of them whose data was given up."""
    return tuple(deployment.facts().get(drained.EMPTIED) or ())


def ways_back(deployment: Deployment) -> Mapping[str, str]:
    """The hosts that are drained, each with the command that brings it back."""
    gone = emptied(deployment)
    return {name: drained.brings_back(name, gone) for name in away(deployment)}


def require_whole(deployment: Deployment) -> None:
    """See that every host is there, before the app moves on to another stage.

    Raises:
        Refused: one is drained, or a command on one was cut off.
    """
    require_none(deployment)
    gone = away(deployment)
    if gone:
        raise Refused(
            f"{', '.join(gone)} is drained, and a move between stages takes every host",
            next="\n".join(ways_back(deployment).values()),
        )


def require_none(deployment: Deployment) -> None:
    """See that no command on a host was cut off. Raises ``Refused``."""
    move = open_move(deployment)
    if move is not None:
        raise Refused(
            f"tenfold host {move.does} {move.host} was cut off",
            next=move.ways_on,
        )


def look(deployment: Deployment, move: HostMove) -> Look:
    """What the command would do now; changes nothing.

    Raises:
        Refused: it must not be done.
    """
    if deployment.position != clustered.STAGE or deployment.crossing is not None:
        raise Refused(
            "hosts leave and come back at stage 1k, when no move between stages is open",
            next="tenfold status    says where it stands",
        )
    restore_in_place.require_none(deployment, f"host {move.does}")
    release = deployment.observe().release
    if release is None:
        raise Refused("no release has served yet", next="tenfold up")
    intent = work.intend(deployment, release=release)
    intent = replace(intent, goal=replace(intent.goal, topology=intent.blueprint.topology))
    found = clustered.look(deployment, intent, intent.blueprint)
    costs: tuple[str, ...] = ()
    if not move.back or move.does == "replace":  # whose data goes, whichever way it ends
        costs = hosting.objections(move, _standing(deployment, intent, found))
    todo = hosting.plan(move, found, intent.goal, terms_of(deployment, release))
    return Look(move, intent, todo, costs)


def look_again(deployment: Deployment, shown: Look) -> Look:
    """The same command, looked at anew after somebody was asked about it.

    Raises:
        Refused: it must not be done any more, or something else would be done now.
    """
    now = look(deployment, shown.move)
    require_same(shown, now)
    return now


def require_same(shown: Look, now: Look) -> None:
    """See that what would be done now is what somebody agreed to. Raises ``Refused``."""
    if (shown.todo, shown.costs) == (now.todo, now.costs):
        return
    before, after = _sentences(shown), _sentences(now)
    gone = [f"- {s}" for s in before if s not in after]
    new = [f"+ {s}" for s in after if s not in before]
    raise Refused(
        "the world has changed since the plan was shown",
        detail="\n".join(gone + new) or "the same steps, of other releases or generations",
        changed="nothing",
        next=f"tenfold host {now.move.does} {now.move.host}    shows what would be done now",
    )


def _sentences(found: Look) -> list[str]:
    return [*(step.sentence() for step in st.flatten(found.todo.steps)), *found.costs]


def _standing(deployment: Deployment, intent: Intent, found: SeenCluster) -> Standing:
    blueprint = intent.blueprint
    seen = etcd_state(blueprint)
    return Standing(
        whole=blueprint.topology,
        leader=found.leader,
        in_sync=found.in_sync,
        answering=tuple(m.host for m in seen.members if m.answers and m.has_leader),
        emptied=emptied(deployment),
    )


def carry_out(deployment: Deployment, found: Look, listener: Listener, walk: Walk) -> None:
    """Do it. The caller holds the lock.

    Raises:
        TenfoldError: a step failed; says what that means for the users, and what is possible next.
    """
    move, intent, journal = found.move, found.intent, deployment.journal
    journal.set(hosting.FACT, move.to_json())
    world = World(
        blueprint=intent.blueprint,
        target=intent.target,
        journal=journal,
        releases=intent.releases,
        sessions=walk.sessions,
        evidence=walk.evidence,
        terms=terms_of(deployment, str(intent.goal.release)),
        care=intent.blueprint,
    )
    try:
        with contextlib.ExitStack() as stack:
            if any(isinstance(s, st.Hold) for s in st.flatten(found.todo.steps)):
                walk.evidence.expect = stack.enter_context(standing_by(deployment.layout))
                stack.callback(walk.evidence.stand_alone)
            stack.enter_context(site_facts.under_way(intent, f"host {move.does}"))
            if not found.todo.empty:
                carry_claimed(world, intent.target, found.todo, listener, takes_back=True)
    except (TenfoldError, KeyboardInterrupt) as error:
        told = told_of(error, move, walk.evidence)
        if told is error:
            raise
        raise told from error
    finally:
        walk.sessions.close()
    whole = intent.blueprint.topology
    left = drained.without(whole, move.drained)
    site_facts.tell(replace(intent, goal=replace(intent.goal, topology=left)))
    facts = applied_facts.applied(left, intent.blueprint.document, whole)
    journal.set(applied_facts.FACT, facts.to_json())
    journal.set(drained.EMPTIED, list(move.emptied(emptied(deployment))) or None)
    journal.set(drained.FACT, list(move.drained) or None)
    journal.set(hosting.FACT, None)


def let_go(deployment: Deployment) -> None:
    """Whoever made requests wait while Patroni was to change leaders was killed: they go on, to
    whoever leads. Needs no etcd.

    Raises:
        TargetError: a host does not answer; of the others nobody waits any more.
    """
    moves = open_move(deployment) is not None or _moves_clustered(deployment)
    if not moves and not _upgrades(deployment):
        return
    now = deployment.observe(silent=True)
    held = [(host.name, pool) for host in now.hosts for pool, _ in host.held]
    at_once([partial(_release, deployment, host, pool) for host, pool in held])


def _release(deployment: Deployment, host: str, pool: str) -> None:
    agent = deployment.target.reach(host)
    if agent is not None:
        agent.release(pool)


def _moves_clustered(deployment: Deployment) -> bool:
    """Whether a move between stages was cut off in which Patroni is who changes leaders."""
    crossing = deployment.crossing
    if crossing is None or crossing.final is None:
        return False
    return clustered.covers(deployment, deployment.position)


def _upgrades(deployment: Deployment) -> bool:
    """Whether an upgrade was cut off, and the app's workers have their sessions still: else they
    are not to be let go before new ones take over.
    """
    last = deployment.journal.last()
    if last is None or last.kind != upgrading.KIND or last.outcome == "done":
        return False
    if not any(step["step"] == st.RenewServer.__name__ for step in last.steps):
        return True
    # A copy does not know what was begun since.
    return deployment.journal.stale_since is None and not deployment.facts().get(STALE)


def told_of(error: BaseException, move: HostMove, evidence: Evidence) -> TenfoldError:
    """What ended a command on a host, with where requests go if that was to change, and the ways
    on."""
    told = error if isinstance(error, TenfoldError) else Interrupted(f"host {move.does}")
    if evidence.ordered and TO_WHOEVER_LEADS not in (told.changed or ""):
        known = f"{told.changed}\n" if told.changed else ""
        told.changed = f"{known}{TO_WHOEVER_LEADS}"
    # Given again, the command itself is refused: it is begun.
    own = None if isinstance(told, Interrupted | LeftHalfDone) else told.next
    if own is None or "tenfold resume" not in own:
        told.next = f"{own}\n{move.ways_on}" if own else move.ways_on
    return told
