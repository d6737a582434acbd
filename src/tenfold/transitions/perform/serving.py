"""Hosts, units, releases and workers: what a deploy is made of."""

from __future__ import annotations

import shlex
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg

import tenfold.engines.nginx.admin as edge
import tenfold.engines.patroni.admin as patroni
import tenfold.engines.postgresql.admin as admin
from tenfold.agent.masking import masking, without
from tenfold.engines.nginx import maintenance
from tenfold.errors import StepFailed, TenfoldError, UnitFailed
from tenfold.interrupts import at_once
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Unit
from tenfold.topology.settings import EdgeSettings, EtcdSettings, PatroniSettings
from tenfold.transitions import steps
from tenfold.transitions.journal import Journal
from tenfold.transitions.perform import founding
from tenfold.transitions.perform.copying import copying
from tenfold.transitions.perform.databases import direct, refused_writes
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.errors import NeedsWriter
from tenfold.transitions.perform.members import written
from tenfold.transitions.perform.world import Tell, World, one_off
from tenfold.transitions.planner import migrates

TRIAL = 0
"""The generation of a worker that is only tried; those that serve begin with 1."""

WARMS_LATE = "warms_late"
"""Fact: the release whose workers cannot start on a database that only follows."""

STORAGE = "storage"
"""Fact: the directories of user files that outlive releases."""

STALE = "stale_workers"
"""Fact: a server that workers have sessions with restarted, and none have taken over since."""

WARM_SECONDS = "warm_seconds"
"""Fact: how long the workers took to start, the last time."""

HANDOVER_SECONDS = "handover_seconds"
"""Fact: how long it took until the new workers accepted, the last time."""

PREPARE_SECONDS = 60.0
AGAIN_SECONDS = 0.5

_WRITES_DOWN = threading.Lock()
"""Several pools are handed over at the same time, and each writes down that the release serves."""


@effect.register
def _(step: steps.EnsureHost, world: World, tell: Tell) -> None:
    world.own_sockets(step.host)


@effect.register
def _(step: steps.StopHost, world: World, tell: Tell) -> None:
    world.target.end(step.host)


@effect.register
def _(step: steps.BuildRelease, world: World, tell: Tell) -> None:
    world.releases.build(step.release, tell)


@effect.register
def _(step: steps.KeepFiles, world: World, tell: Tell) -> None:
    world.releases.keep(step.directory, tell)
    _add_fact(world.journal, STORAGE, step.directory)


@effect.register
def _(step: steps.LeaveFiles, world: World, tell: Tell) -> None:
    known = world.journal.facts().get(STORAGE, [])
    world.journal.set(STORAGE, [d for d in known if d != step.directory])


@effect.register
def _(step: steps.StartUnit, world: World, tell: Tell) -> None:
    with copying(step.unit, world, tell):
        _start(step.unit, world)


@effect.register
def _(step: steps.RestartUnit, world: World, tell: Tell) -> None:
    _start(step.unit, world)


def _start(path: str, world: World) -> None:
    member = world.blueprint.topology.member(path)
    agent = world.own_sockets(member.host)
    _, launch = world.blueprint.render(member)
    order = written(member, world)
    if isinstance(member.settings, EtcdSettings):
        founding.known(world.blueprint.scene(member), agent, world)
    if isinstance(member.settings, EdgeSettings):
        _show_maintenance(world.blueprint.scene(member).place.config, agent, world)
    running = agent.observe().unit(member.name)
    serves = running is not None and running.state == "running"
    # Reload first: "start" records the new fingerprint, and an interruption between the two must
    # leave the old one, so that the next plan does this again.
    if serves and running and running.fingerprint != order.fingerprint and launch.reload:
        agent.reload(member.name)
    agent.start(order)


def _show_maintenance(config: str, agent: HostAgent, world: World) -> None:
    """Have the edge's files say what the journal says, also when that changes meanwhile."""
    shown = object()
    while shown != (wanted := maintenance.from_json(world.journal.facts().get(maintenance.FACT))):
        edge.show(agent, config, wanted)
        shown = wanted


@effect.register
def _(step: steps.StopUnit, world: World, tell: Tell) -> None:
    host, _, name = step.unit.partition("/")
    agent = world.target.reach(host)
    if agent is not None:
        agent.stop(name)


@effect.register
def _(step: steps.PrepareDatabase, world: World, tell: Tell) -> None:
    unit = world.blueprint.topology.member(step.unit)
    assert isinstance(unit, Unit)
    _prepare(unit, world)
    if isinstance(unit.settings, PatroniSettings):
        patroni.configure(unit, world.blueprint.scene(unit))
    known = world.journal.facts().get("prepared", {})
    world.journal.set("prepared", {**known, step.unit: step.digest})


def _prepare(unit: Unit, world: World) -> None:
    """Patroni may restart a server once more that it has just made, under whoever is at it."""
    deadline = time.monotonic() + PREPARE_SECONDS
    while True:
        try:
            admin.prepare(unit, world.blueprint.scene(unit))
        except TenfoldError as error:
            broken = isinstance(error.__cause__, psycopg.OperationalError)
            in_care = isinstance(unit.settings, PatroniSettings)
            if not (broken and in_care) or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_SECONDS)
        else:
            return


@effect.register
def _(step: steps.Migrate, world: World, tell: Tell) -> None:
    blueprint = world.placed(step.release)
    answer = (p for p in blueprint.topology.app_pools if world.target.reach(p.host) is not None)
    pool = next(answer, blueprint.topology.app_pool)  # a host may be drained
    command = one_off(blueprint, shlex.split(step.command), owner=True)
    command = replace(command, within_seconds=world.migrate_seconds)
    with masking(command.env):
        finished = world.agent(pool.host).run(command, lambda t: tell(without(t, command.env)))
    if finished.code != 0:
        raise StepFailed(
            f"the migration of release {step.release} failed: {step.command} exited"
            f" {finished.code}",
            changed="nothing for your users; what the migration did before it failed may be there",
            next="mend the migration and give the command again",
            detail=without(finished.tail, command.env),
        )
    _add_fact(world.journal, "migrated", step.release)


@effect.register
def _(step: steps.WarmPool, world: World, tell: Tell) -> None:
    before = refused_writes(world)
    began = time.monotonic()
    try:
        _warm(step, world)
    except UnitFailed as fault:
        if before is not None and refused_writes(world) != before:
            raise _writes_at_start(step, fault.detail) from fault
        raise
    if before is not None and refused_writes(world) != before:
        raise _writes_at_start(step, None)
    world.journal.set(WARM_SECONDS, round(time.monotonic() - began, 3))


@effect.register
def _(step: steps.TrialStart, world: World, tell: Tell) -> None:
    placed = world.placed(step.release)
    (cluster,) = placed.leaders
    blueprint = replace(placed, leaders={cluster: step.follower}, topology=direct(placed.topology))
    pool = blueprint.topology.member(step.pool)
    order = replace(blueprint.order(pool, generation=TRIAL, index=1), pool=None)
    agent = world.own_sockets(pool.host)
    agent.write(blueprint.render(pool, order.name)[0])
    before, began = refused_writes(world, step.follower), time.monotonic()
    fault: UnitFailed | None = None
    try:
        agent.start(order)
    except UnitFailed as failed:
        fault = failed
    finally:
        seconds = time.monotonic() - began
        agent.stop(order.name)
    world.journal.set(WARM_SECONDS, round(seconds, 3))
    if refused_writes(world, step.follower) != before:
        world.journal.set(WARMS_LATE, step.release)
        tell("it writes when it starts: its workers start while requests wait")
    elif fault is not None:
        raise fault


def _warm(step: steps.WarmPool, world: World) -> None:
    blueprint = world.placed(step.release)
    pool = blueprint.topology.member(step.pool)
    agent = world.own_sockets(pool.host)
    orders = [
        blueprint.order(pool, generation=step.generation, index=index)
        for index in range(1, step.count + 1)
    ]
    for order in orders:
        agent.write(blueprint.render(pool, order.name)[0])
    # An app without migrations may create its tables when it starts, and "create table if not
    # exists" collides with itself when two do it at once: so the first starts alone.
    alone = 0 if migrates(blueprint.topology) else 1
    for order in orders[:alone]:
        agent.start(order)
    at_once([partial(agent.start, order) for order in orders[alone:]])


def _writes_at_start(step: steps.WarmPool, detail: str | None) -> NeedsWriter:
    return NeedsWriter(
        f"the app of {step.pool} writes to the database when it starts",
        changed="nothing for your users",
        detail=detail,
    )


@effect.register
def _(step: steps.DiscardGeneration, world: World, tell: Tell) -> None:
    host, _, name = step.pool.partition("/")
    agent = world.target.reach(host)
    if agent is None:
        return
    for unit in agent.observe().pool(name):
        if unit.generation == step.generation:
            agent.stop(unit.name)


@effect.register
def _(step: steps.PublishAssets, world: World, tell: Tell) -> None:
    roots = {name: paths.root for name, paths in world.blueprint.hosts.items()}
    world.releases.publish(step.release, roots)
    world.journal.set("published", step.release)


@effect.register
def _(step: steps.Handover, world: World, tell: Tell) -> None:
    host, _, name = step.pool.partition("/")
    began = time.monotonic()
    accepted: list[float] = []
    agent = world.agent(host)
    ready = [u for u in agent.observe().pool(name) if u.generation == step.generation]
    if not ready:
        raise UnitFailed(
            f"generation {step.generation} of {step.pool} is gone",
            changed="nothing: whatever served goes on serving",
            next="give the command again",
        )

    def heard(text: str) -> None:
        world.evidence.ended(step.pool)  # the first word is that the new generation accepts
        accepted.append(time.monotonic() - began)
        tell(text)

    agent.handover(name, step.generation, heard)
    world.evidence.ended(step.pool)
    with _WRITES_DOWN:
        world.releases.collect()
        world.releases.record_served(step.release)
        world.journal.set(STALE, None)
        if accepted:
            world.journal.set(HANDOVER_SECONDS, round(accepted[0], 4))


@effect.register
def _(step: steps.PruneReleases, world: World, tell: Tell) -> None:
    running = {
        unit.release
        for host in world.target.hosts()
        if (agent := world.target.reach(host)) is not None
        for unit in agent.observe().units
    }
    world.releases.prune(step.keep, frozenset(r for r in running if r))


def _add_fact(journal: Journal, key: str, value: Any) -> None:
    """Append to a list of facts; the newest stays last, no value appears twice."""
    known = [v for v in journal.facts().get(key, []) if v != value]
    journal.set(key, [*known, value])
