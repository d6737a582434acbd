"""Restoring in place: each effect verifies what it did, and may be had again."""

from __future__ import annotations

import json
import sys
from posixpath import dirname, join

from tenfold.backups import catalogue
from tenfold.backups.bringing import CLUSTER, FILES, Request, carry_out
from tenfold.backups.config import Destination
from tenfold.backups.faults import Fault
from tenfold.backups.restoring import Wish
from tenfold.backups.store import open_store
from tenfold.engines.backup.render import configuration
from tenfold.engines.postgresql.render import secret, server
from tenfold.errors import StepFailed, UnitFailed
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import BackupSettings
from tenfold.transitions import steps
from tenfold.transitions.perform import resting
from tenfold.transitions.perform.databases import database_unit, settings_of
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Tell, World
from tenfold.transitions.restoring import Beside

EXCHANGE_SECONDS = 30.0
UNTOUCHED = "nothing: what runs was not touched"


@effect.register
def _(step: steps.BringBeside, world: World, tell: Tell) -> None:
    unit, scene = database_unit(step.unit, world)
    agent = world.agent(unit.host)
    settings = settings_of(unit)
    destination = _destination(unit.host, world)
    try:
        found = catalogue.look(open_store(destination), step.lineage).backups
    except Fault as fault:
        raise StepFailed(fault.what, changed=UNTOUCHED, next=fault.next or None) from fault
    backup = next((b for b in found if b.id == step.backup), None)
    if backup is None:
        raise StepFailed(
            f"backup {step.backup} is gone", changed=UNTOUCHED, next="tenfold db backups"
        )
    wish = Wish(
        lineage=step.lineage,
        backup=backup,
        target=step.target,
        timeline=step.timeline,
        superuser=settings.superuser,
        password=secret(scene, settings, "superuser").reveal(),
        lives=True,
        mark=step.id,
    )
    programs = dirname(scene.place.binaries["postgres"])
    into = _beside(server(unit, scene).data, step.id)
    request = Request.make(destination, wish, into, programs)
    agent.run(Command(("rm", "-rf", "--", into), within_seconds=600.0))
    try:
        carry_out(agent, request, tell)
    except Fault as fault:
        raise StepFailed(fault.what, changed=UNTOUCHED, next=fault.next or None) from fault


@effect.register
def _(step: steps.Exchange, world: World, tell: Tell) -> None:
    unit, scene = database_unit(step.unit, world)
    agent = world.own_sockets(unit.host)
    data = server(unit, scene).data
    beside = join(_beside(data, step.id), CLUSTER)
    world.sessions.drop(unit.path)
    # While there is no database nobody comes back to it. One that works beside an app that does
    # not, and for whose sake data is brought back, does not stand in the way.
    resting.for_good(world, insist=False)
    agent.stop(unit.name)
    order = ("exchange", data, beside, step.id, "before" if step.back else "restored")
    argv = (sys.executable, "-I", "-m", "tenfold.backups", *order)
    finished = agent.run(Command(argv, within_seconds=EXCHANGE_SECONDS, thorough=False))
    agent.start(world.blueprint.order(unit))
    resting.for_now(world)
    if finished.code != 0:
        raise UnitFailed(f"the data of {step.unit} could not be exchanged", detail=finished.tail)
    if not step.back:
        _bring_files(step, data, agent, world)


@effect.register
def _(step: steps.RemoveBeside, world: World, tell: Tell) -> None:
    unit, scene = database_unit(step.unit, world)
    folder = _beside(server(unit, scene).data, step.id)
    finished = world.agent(unit.host).run(
        Command(("rm", "-rf", "--", folder), within_seconds=600.0)
    )
    if finished.code != 0:
        raise UnitFailed(f"{folder} could not be deleted", detail=finished.tail)


def look_beside(unit: Unit, id: str, world: World) -> Beside:
    """What lies beside a database, and which of both it is."""
    agent = world.agent(unit.host)
    data = server(unit, world.blueprint.scene(unit)).data
    argv = ("beside", data, join(_beside(data, id), CLUSTER), id)
    told = agent.run(
        Command((sys.executable, "-I", "-m", "tenfold.backups", *argv), within_seconds=30.0)
    )
    if told.code != 0:
        raise UnitFailed(f"the data of {unit.path} cannot be looked at", detail=told.tail)
    return Beside(**json.loads(told.tail))


def _bring_files(step: steps.Exchange, data: str, agent: HostAgent, world: World) -> None:
    """User files that are missing come back; what is there is never replaced, nor taken away."""
    kept = join(_beside(data, step.id), FILES)
    script = '[ ! -d "$1" ] || cp -R -P -n -p -- "$1/." "$2/"'
    agent.run(Command(("/bin/sh", "-c", script, "sh", kept, world.blueprint.storage)))


def _destination(host: str, world: World) -> Destination:
    for member in world.blueprint.topology.on(host):
        if isinstance(member.settings, BackupSettings):
            told = configuration(member, world.blueprint.scene(member))["destination"]
            assert isinstance(told, dict)
            return Destination(**told)
    raise StepFailed(f"{host} has no keeper of backups", changed=UNTOUCHED)


def _beside(data: str, id: str) -> str:
    return join(dirname(data), f"restored-{id}")
