"""Upgrading engines: each effect may be had again, and looks before it interrupts anybody.

A restart is one order, "run this instead of process N", which the agent keeps before it acts on it:
whatever becomes of the command, the unit comes back.
"""

from __future__ import annotations

import time
from dataclasses import replace

from tenfold.engines.postgresql.render import server
from tenfold.errors import StepFailed
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Unit
from tenfold.topology.observation import ObservedUnit
from tenfold.topology.process import Command, Probe, UnitOrder
from tenfold.topology.settings import DatabaseSettings, EdgeSettings
from tenfold.transitions import steps
from tenfold.transitions.perform.databases import STOP_SHARE, keep_waiting
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.holding import remaining
from tenfold.transitions.perform.members import written
from tenfold.transitions.perform.serving import STALE
from tenfold.transitions.perform.world import Tell, World

PID_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.05
AGAIN = "tenfold upgrade    goes on from here;  tenfold logs edge    tells why"


@effect.register
def _(step: steps.StandIn, world: World, tell: Tell) -> None:
    unit, agent, order = _unit(step.unit, world)
    agent.start(_beside(unit, order, step.within_seconds, world))


@effect.register
def _(step: steps.EndStandIn, world: World, tell: Tell) -> None:
    host, _, name = step.unit.partition("/")
    if world.target.reach(host) is None:
        return
    unit, agent, order = _unit(step.unit, world)
    agent.start(order)
    _require_itself(unit, agent, world)
    tell("finishes what it has in hand")
    agent.stop(name + steps.BESIDE)
    agent.run(Command(("rm", "-rf", "--", _prefix(unit, world) + steps.BESIDE), cwd="/"))


@effect.register
def _(step: steps.Renew, world: World, tell: Tell) -> None:
    unit, agent, order = _unit(step.unit, world)
    _restart(unit, agent, order, step.anyway, step.within_seconds, tell)
    if isinstance(unit.settings, EdgeSettings):
        _require_itself(unit, agent, world)


@effect.register
def _(step: steps.RenewServer, world: World, tell: Tell) -> None:
    unit, agent, order = _unit(step.unit, world)
    world.journal.set(STALE, True)
    world.evidence.lost = True
    world.sessions.drop(step.unit)
    holds = world.evidence.holding() is not None
    within = remaining(world, world.terms.max_hold_seconds) * STOP_SHARE if holds else None
    mark = _mark(unit, world)
    keep_waiting(world)
    # Nobody is to be let go now, and new workers may take longer to start than a switch may.
    world.evidence.expect(None)
    world.evidence.stand_alone()
    if mark is not None:
        agent.run(Command(("touch", mark), cwd="/", thorough=False))
    try:
        _restart(unit, agent, order, step.anyway, within, tell)
    finally:
        if mark is not None:
            agent.run(Command(("rm", "-f", mark), cwd="/", thorough=False))
    keep_waiting(world)


def _restart(
    unit: Unit,
    agent: HostAgent,
    order: UnitOrder,
    anyway: float | None,
    within_seconds: float | None,
    tell: Tell,
) -> None:
    before = agent.observe().unit(unit.name)
    if before is not None and _is_to_restart(before, order, anyway):
        tell("finishes what it has in hand")
        order = replace(order, instead_of=before.pid, patience_seconds=within_seconds)
    agent.start(order)
    after = agent.observe().unit(unit.name)
    if after is None or _is_to_restart(after, order, anyway):
        raise StepFailed(
            f"{unit.path} still runs what it ran before",
            next="tenfold logs agent    tells why;  tenfold down  and  tenfold up  replace all",
        )


def _is_to_restart(seen: ObservedUnit, order: UnitOrder, anyway: float | None) -> bool:
    """Whether it has to end first; one that its agent started meanwhile runs what is installed."""
    if seen.pid is None:
        return False
    launch = order.launch
    if seen.replaced or (seen.program, *seen.programs) != (launch.argv[0], *launch.programs):
        return True
    return anyway is not None and seen.since < anyway


def _require_itself(unit: Unit, agent: HostAgent, world: World) -> None:
    """See that the unit's own process serves: its probe may have been answered by a stand-in.

    Raises:
        StepFailed: it does not; whoever stands in goes on.
    """
    file, deadline = f"{_prefix(unit, world)}/nginx.pid", time.monotonic() + PID_SECONDS
    while True:
        seen = agent.observe().unit(unit.name)
        pid = seen.pid if seen is not None and seen.state == "running" else None
        argv = ("/bin/sh", "-c", '[ "$(cat "$1")" = "$2" ]', "sh", file, str(pid))
        if pid is not None and agent.run(Command(argv, cwd="/", thorough=False)).code == 0:
            return
        if time.monotonic() > deadline:
            why = seen.reason if seen is not None and seen.reason else "it has not begun to serve"
            raise StepFailed(
                f"{unit.path} does not come up: {why}",
                changed="nothing for your users: a second one stands in for it",
                next=AGAIN,
            )
        time.sleep(LOOK_EVERY_SECONDS)


def _beside(unit: Unit, order: UnitOrder, within_seconds: float, world: World) -> UnitOrder:
    """The stand-in: from the same files, with a prefix of its own, and a probe that nobody else
    answers: nginx writes its pid when it has read its files and has its sockets."""
    prefix = _prefix(unit, world)
    own = prefix + steps.BESIDE
    launch = order.launch
    argv = tuple(f"{own}/" if word == f"{prefix}/" else word for word in launch.argv)
    made = Command(("mkdir", "-p", "-m", "0700", own), creates=own)
    gone = Command(("rm", "-f", f"{own}/nginx.pid"), thorough=False)
    return replace(
        order,
        name=order.name + steps.BESIDE,
        fingerprint=None,
        launch=replace(
            launch,
            argv=argv,
            prepare=(made, gone, *launch.prepare),
            ready=Probe("exec", argv=("test", "-s", f"{own}/nginx.pid")),
            stop=replace(launch.stop, within_seconds=within_seconds),
        ),
    )


def _prefix(unit: Unit, world: World) -> str:
    return world.blueprint.scene(unit).place.data


def _mark(unit: Unit, world: World) -> str | None:
    """While it is there, and new, the log that is not archived yet waits for the next start."""
    if not isinstance(unit.settings, DatabaseSettings):
        return None
    return f"{server(unit, world.blueprint.scene(unit)).data}/tenfold.restart"


def _unit(path: str, world: World) -> tuple[Unit, HostAgent, UnitOrder]:
    unit = world.blueprint.topology.member(path)
    assert isinstance(unit, Unit)
    return unit, world.own_sockets(unit.host), written(unit, world)
