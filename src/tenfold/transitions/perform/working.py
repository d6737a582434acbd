"""Background workers: each order is given to all of a kind at the same time."""

from __future__ import annotations

from functools import partial

from tenfold.errors import StepFailed
from tenfold.interrupts import at_once
from tenfold.spec.jobs import POOL as JOBS
from tenfold.targets.protocol import HostAgent
from tenfold.topology.observation import ObservedUnit
from tenfold.transitions import steps
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Tell, World
from tenfold.transitions.telling import Lasting


@effect.register
def _(step: steps.StartWorkers, world: World, tell: Tell) -> None:
    blueprint = world.placed(step.release)
    pool = blueprint.topology.member(step.pool)
    agent = world.own_sockets(pool.host)
    agent.write(blueprint.render(pool)[0])
    indices = range(1, step.count + 1)
    orders = [blueprint.order(pool, generation=step.generation, index=i) for i in indices]
    at_once([partial(agent.start, order) for order in orders])


@effect.register
def _(step: steps.StopWorkers, world: World, tell: Tell) -> None:
    agent, units = _units(step.pool, world)
    _stop(agent, [u for u in units if u.generation == step.generation])


@effect.register
def _(step: steps.ForgetWorkers, world: World, tell: Tell) -> None:
    agent, units = _units(step.pool, world)
    _stop(agent, [u for u in units if u.generation != step.generation])


@effect.register
def _(step: steps.WakeWorkers, world: World, tell: Tell) -> None:
    agent, units = _units(step.pool, world)
    wanted = [u for u in units if step.generation in (0, u.generation)]
    if agent is not None:
        at_once([partial(agent.wake, u.name) for u in wanted if u.generation != step.but])


@effect.register
def _(step: steps.RestWorkers, world: World, tell: Tell) -> None:
    agent, units = _units(step.pool, world)
    working = [u for u in units if u.generation != step.but and u.state != "resting"]
    if agent is None or not working:
        return
    tell(f"{', '.join(u.name for u in working)}: jobs in hand are finished")
    kills = step.postpone_seconds is None
    lasts = world.renewals.rest_seconds
    world.renewals.keep(agent, step.pool.partition("/")[2])

    def rest(name: str) -> None:
        how = agent.rest(name, step.postpone_seconds, kills=kills, lasts_seconds=lasts)
        said = f"{name} {how}"
        tell(Lasting(said) if "killed" in how else said)

    try:
        at_once([partial(rest, unit.name) for unit in working])
    except StepFailed as late:
        raise late if kills else _put_off(step, late) from late


def _units(path: str, world: World) -> tuple[HostAgent | None, tuple[ObservedUnit, ...]]:
    """The agent of a kind of worker's host, if it runs, and what it has of them."""
    host, _, name = path.partition("/")
    agent = world.target.reach(host)
    return agent, agent.observe().pool(name) if agent is not None else ()


def _stop(agent: HostAgent | None, units: list[ObservedUnit]) -> None:
    if agent is not None:
        at_once([partial(agent.stop, unit.name) for unit in units])


def _put_off(step: steps.RestWorkers, late: StepFailed) -> StepFailed:
    name = step.pool.partition("/")[2]
    if name == JOBS:
        return StepFailed(
            f"the switch was put off for {step.postpone_seconds:g} s: a scheduled job still runs",
            changed="nothing for your users: requests were not held, and no job was cut off",
            next="tenfold resume    when it has ended;  a longer [transition] max_postpone\n"
            "tenfold jobs      tells which one it is, and since when",
        )
    return StepFailed(
        f"the switch was put off for {step.postpone_seconds:g} s: {late.what}",
        changed="nothing for your users: requests were not held, and no job was cut off",
        next="tenfold resume    when its jobs are shorter;  a longer [transition] max_postpone\n"
        f"tenfold logs {name}    shows what it does. If it ignores the signal that it gets, name\n"
        f"another one:  [workers.{name}] stop_signal",
    )
