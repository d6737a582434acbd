"""Having a fenced leader lead again where the other side says nothing: on its own host alone.

Whoever fenced it knows by itself that nobody was asked to lead. Whoever takes over from one that
was killed has it from the journal; why that is safe: :mod:`tenfold.transitions.taking_back`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.deployment import shelf, work, writes
from tenfold.deployment.carrying import carry_claimed
from tenfold.errors import JournalError, LeftHalfDone, Superseded, TenfoldError
from tenfold.stages.path import ORDER, WITHOUT_APP
from tenfold.transitions import steps as st
from tenfold.transitions import taking_back
from tenfold.transitions.perform import World
from tenfold.transitions.perform.databases import BACK_SECONDS, database_unit, disk_state
from tenfold.transitions.planner import Plan

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.transitions.perform.evidence import Evidence
    from tenfold.transitions.runner import Listener

KIND = "let go"


def is_due(deployment: Deployment) -> bool:
    """Whether a leader was fenced, nobody was asked to lead, and it does not lead again."""
    return bool(_left(deployment))


def lead_again(deployment: Deployment, listener: Listener, evidence: Evidence) -> str | None:
    """Have it lead, and requests go on to it; asks no host but its own and those with the app.

    Returns:
        Its path, with its host as people know it; ``None`` where it is not due, its host was
        stopped since, or it led already.

    Raises:
        TenfoldError: its own host does not do it.
    """
    back = _left(deployment)
    intent = _intent(deployment, back) if back else None
    if intent is None:
        return None
    hosts = {path.partition("/")[0] for step in back for path in _paths(step)}
    if any(intent.target.reach(host) is None for host in hosts):
        return None
    # Where its time is nearly up, they would be let go to a leader that still starts.
    pools = [step.pool for step in back if isinstance(step, st.Release)]
    evidence.began(pools, 0.0, postponed=0.0, within_seconds=BACK_SECONDS)
    world = World(
        blueprint=intent.blueprint,
        target=intent.target,
        journal=deployment.journal,
        releases=intent.releases,
        evidence=evidence,
    )
    path = next(step.unit for step in back if isinstance(step, st.Unfence))
    unit, _ = database_unit(path, world)
    led_already = disk_state(world, unit).leads
    # All the same: somebody may wait still, and the journal is to say that nothing is left.
    todo = Plan(KIND, back)
    carry_claimed(world, intent.target, todo, listener, takes_back=False, only=hosts)
    called = writes.called(unit.host, intent.target, deployment.target)
    return None if led_already else f"{called}/{unit.name}"


def lead_again_behind(
    error: TenfoldError, deployment: Deployment, listener: Listener, evidence: Evidence
) -> None:
    """The same behind what ended a command, which says so then."""
    if isinstance(error, Superseded | JournalError):  # another command is at work
        return
    try:
        leader = lead_again(deployment, listener, evidence)
    except TenfoldError as silent:
        error.add_note(f"and its leader could not be had lead again: {silent.what}")
        return
    if leader is None:
        return
    if not isinstance(error, LeftHalfDone):
        error.changed = f"the switch was taken back: writes go to {leader}, as before it"
        return
    # What else could not be taken back is to be known.
    kept = [x for x in (error.changed or "").splitlines() if not x.startswith("writes go")]
    told = f"then the switch was taken back all the same: writes go to {leader}, as before it"
    error.changed = "\n".join((*kept, told))


def _left(deployment: Deployment) -> tuple[st.Step, ...]:
    journal = deployment.journal
    if journal.place is not None:  # in etcd: then Patroni has the databases, and nobody is fenced
        return ()
    return taking_back.left(taking_back.reliable(journal))


def _intent(deployment: Deployment, back: tuple[st.Step, ...]) -> Intent | None:
    """For the position whose names the steps have: hosts change theirs from stage to stage."""
    release = next(reversed(shelf.served(deployment.layout)), None)
    at = ORDER.index(deployment.position)
    wanted = {path for step in back for path in _paths(step)}
    for name in (*ORDER[at + 1 : at + 2], *ORDER[max(0, at - 1) : at], deployment.position):
        if name in WITHOUT_APP or release is None:
            continue
        intent = work.intend(deployment, release=release, position=name)
        if wanted <= {m.path for m in intent.blueprint.topology.members()}:
            return intent
    return None


def _paths(step: st.Step) -> tuple[str, ...]:
    """Of what a step changes."""
    if isinstance(step, st.Unfence):
        return (step.unit,)
    assert isinstance(step, st.Release)
    return (step.pool,)
