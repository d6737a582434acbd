"""Carrying a plan of a move out: with a claim on every host, by the steps that were promised."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenfold.errors import Interrupted, JournalError, Refused, Superseded, TenfoldError
from tenfold.targets.local.target import LocalTarget
from tenfold.transitions import steps as st
from tenfold.transitions.journal import Journal, MovableJournal, SqliteJournal
from tenfold.transitions.perform import World, perform
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.holding import let_go_behind
from tenfold.transitions.runner import Runner
from tenfold.transitions.steps import cluster

if TYPE_CHECKING:
    from tenfold.targets.protocol import HostAgent
    from tenfold.transitions.planner import Plan
    from tenfold.transitions.runner import Listener


def carry_claimed(
    world: World,
    target: LocalTarget,
    todo: Plan,
    listener: Listener,
    *,
    takes_back: bool,
    claimed: Callable[[World], None] = lambda world: None,
    only: Collection[str] | None = None,
) -> None:
    """Carry a plan out; from its first step on, hosts take orders from nobody who began earlier.

    Whatever ends it, nobody is left waiting where Patroni was to change leaders, unless it is for
    new workers by then: those there are have lost their sessions.

    Args:
        world: what the steps act on.
        target: its target, before the claim.
        todo: the plan.
        listener: who is told.
        takes_back: undo what was begun if a step fails.
        claimed: told the world in which the steps are carried out, before the first one.
        only: the hosts that the plan is about, where others may say nothing; default: all.
    """
    held: list[World] = []
    world.evidence.checkpoint = None  # of another try, which may have changed who leads
    lets_go = any(isinstance(s, cluster.SwitchOver) for s in st.flatten(todo.steps))

    def claim(epoch: int) -> None:
        own = target.with_epoch(epoch)
        for name in own.hosts() if only is None else only:
            agent = own.reach(name)
            if agent is not None:
                _claim(agent, name, epoch, world.journal)
        held.append(replace(world, target=own))
        claimed(held[-1])

    def ended_by(error: BaseException) -> None:
        # Behind a change of leaders in order somebody leads, and the app is led there.
        if lets_go and held and not world.evidence.lost:
            let_go_behind(error, held[-1])

    runner = Runner(
        world.journal,
        lambda step, tell: perform(step, held[-1], tell),
        listener,
        claimed=claim,
        ended_by=ended_by,
        is_past=lambda step: is_past(step, world.evidence),
    )
    try:
        runner.run(todo, takes_back=takes_back)
    finally:
        world.renewals.close()


def is_past(step: st.Step, evidence: Evidence) -> bool:
    """Whether a point of no return that was come to may have been passed. Pure.

    A follower is asked to lead behind ``evidence.asked``, so without that it was not.
    """
    return not isinstance(step, st.Promote) or evidence.asked or evidence.promoted


def _claim(agent: HostAgent, host: str, epoch: int, journal: Journal) -> None:
    try:
        agent.claim(epoch)
    except Superseded as refused:
        if not _is_older(journal):
            raise
        raise Refused(
            f"{host} has taken orders of a later command than the journal knows of:"
            " .tenfold/journal.db was put back from an older copy",
            changed="nothing by this command",
            next="tenfold status    see that stage and hosts are what you know them to be:"
            " what comes next goes by this journal",
        ) from refused


def _is_older(journal: Journal) -> bool:
    """Whether it is itself older than the hosts: the command that it knows to be the newest is
    refused by them. Its next one is not, then."""
    if not isinstance(journal, MovableJournal | SqliteJournal):
        return False
    try:
        return journal.skip_epochs()
    except JournalError:  # it knows of a later one, or is elsewhere by now
        return False


def require_promised(
    promised: Mapping[str, Any], name: str, todo: Plan, *, starts_late: bool = False
) -> None:
    """See that the steps to a position are those of the plan that was kept.

    The same step may carry another generation of workers, which says how many there were before.

    Args:
        promised: the plan that was kept.
        name: the position.
        todo: the steps to it as they are now.
        starts_late: the app is known to write when it starts, so that its workers start while
            requests wait. That is found out by a trial start on the copy, behind the first plan.

    Raises:
        Refused: they are not.
    """
    before = {s["position"]: s["steps"] for s in promised["stretches"]}.get(name, [])
    kinds = [_kind(s) for s in before]
    now = [_kind(st.to_json(s)) for s in st.flatten(todo.steps)]
    if kinds == now:
        return
    what = "the world has changed since the plan was made"
    # The same steps in another order: nothing else has changed.
    if starts_late and sorted(map(str, kinds)) == sorted(map(str, now)):
        what = (
            "the plan has other steps for the switch: a trial start on the copy found that this"
            " app writes to its database when it starts, so its workers start while requests wait"
        )
    raise Refused(
        what,
        detail="\n".join(s.sentence() for s in st.flatten(todo.steps)),
        next="tenfold resume    goes on all the same\ntenfold abort     removes what was prepared",
    )


def _kind(step: Mapping[str, Any]) -> tuple[Any, ...]:
    return step["step"], step.get("unit"), step.get("pool")


def add_ways_on(told: TenfoldError, command: str) -> None:
    """Have an error that ended a command of a move tell how the move goes on, unless it does."""
    if told.next is not None and "resume" in told.next:
        return
    ways = f"{_ON}{_BACK.get(command, _GIVE_UP)}"
    own = told.next if told.next and not isinstance(told, Interrupted) else None
    told.next = f"{own}\n{ways}" if own else ways


_ON = "tenfold resume    goes on from here"
_GIVE_UP = "\ntenfold abort     removes what was prepared"
_BACK = {"complete": "", "reverse": "\ntenfold abort     leaves it as it is"}
