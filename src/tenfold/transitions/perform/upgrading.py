"""Upgrading engines: each effect may be had again, and looks before it interrupts anybody."""

from __future__ import annotations

from dataclasses import replace

from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Unit
from tenfold.topology.observation import ObservedUnit
from tenfold.topology.process import UnitOrder
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions import steps
from tenfold.transitions.perform import resting
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Tell, World


@effect.register
def _(step: steps.StandIn, world: World, tell: Tell) -> None:
    unit, agent, order = _unit(step.unit, world)
    agent.write(world.blueprint.render(unit)[0])
    agent.start(replace(order, name=order.name + steps.BESIDE, fingerprint=None))


@effect.register
def _(step: steps.EndStandIn, world: World, tell: Tell) -> None:
    host, _, name = step.unit.partition("/")
    agent = world.target.reach(host)
    if agent is not None:
        tell("finishes what it has in hand")
        agent.stop(name + steps.BESIDE, step.within_seconds)


@effect.register
def _(step: steps.Renew, world: World, tell: Tell) -> None:
    unit, agent, order = _unit(step.unit, world)
    seen = agent.observe().unit(unit.name)
    agent.write(world.blueprint.render(unit)[0])
    if seen is not None and _is_to_restart(step, seen, order):
        if isinstance(unit.settings, DatabaseSettings):
            world.sessions.drop(step.unit)
            resting.for_good(world)
        if step.within_seconds is not None:  # somebody stands in for it
            tell("finishes what it has in hand")
            agent.stop(unit.name, step.within_seconds)
        # One order, which the agent or its successor carries out, whatever becomes of this command.
        order = replace(order, instead_of=seen.pid)
    agent.start(order)


def _is_to_restart(step: steps.Renew, seen: ObservedUnit, order: UnitOrder) -> bool:
    """Whether it has to end first; one that its agent started meanwhile runs what is installed."""
    if seen.replaced or seen.program != order.launch.argv[0]:
        return True
    return step.anyway is not None and seen.since < step.anyway


def _unit(path: str, world: World) -> tuple[Unit, HostAgent, UnitOrder]:
    unit = world.blueprint.topology.member(path)
    assert isinstance(unit, Unit)
    return unit, world.own_sockets(unit.host), world.blueprint.order(unit)
