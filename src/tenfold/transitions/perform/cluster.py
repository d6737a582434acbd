"""A database that fails over by itself: etcd, and coming into Patroni's care and out of it.

Patroni and etcd are asked where they are at stage 1k, whatever the goal is: :attr:`World.care`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import tenfold.engines.etcd.admin as etcd_orders
import tenfold.engines.etcd.probe as etcd
import tenfold.engines.patroni.admin as patroni
from tenfold.engines.etcd.render import FOUNDED
from tenfold.engines.etcd.render import joins as joins_file
from tenfold.engines.patroni import probe
from tenfold.engines.patroni.dynamic import member_slot
from tenfold.engines.patroni.probe import WORKS
from tenfold.engines.patroni.render import NOT_STRICT, excused
from tenfold.engines.postgresql import orders, replication
from tenfold.engines.postgresql.peers import slot_name
from tenfold.engines.postgresql.render import server
from tenfold.engines.protocol import Scene
from tenfold.errors import Refused, StepFailed, TargetError, UnitFailed
from tenfold.topology.model import Unit
from tenfold.topology.process import Command, File
from tenfold.topology.settings import EtcdSettings
from tenfold.transitions.crossing import members
from tenfold.transitions.pause import stop_point
from tenfold.transitions.perform import founding
from tenfold.transitions.perform.databases import database_unit, run_at, settings_of
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.holding import let_go_behind, remaining
from tenfold.transitions.perform.members import (
    LOOKS_AGAIN,
    Steadily,
    care_of,
    does_without,
    in_care,
    leads,
    leads_instead,
    member_of,
    others_in_care,
    require_leads,
    until,
    view_from,
)
from tenfold.transitions.perform.switching import switch_over
from tenfold.transitions.perform.world import Tell, World
from tenfold.transitions.steps import cluster as steps

LEAD_SECONDS = 60.0
"""How long Patroni may take to call a server that runs its leader: a few rounds."""
FOLLOW_SECONDS = 120.0
SYNCHRONOUS_SECONDS = 60.0
LEAVE_SECONDS = 10.0
EXCUSED_SECONDS = 3.0
"""For so long no commit waits for a member that is to leave before that is believed: a round of the
leader's Patroni that began before it was told may still end with having them wait for one that has
just come to follow. A round is due every second."""


@effect.register
def _(step: steps.AwaitQuorum, world: World, tell: Tell) -> None:
    cared = [care_of(path, world) for path in step.members]
    # One that has lost its files cannot be asked from, which says nothing of the others.
    unit, scene = next((c for c in cared if etcd.can_ask(c[1])), cared[0])
    assert isinstance(unit.settings, EtcdSettings)
    hosts = {one.host for one, _ in cared}
    name = unit.settings.cluster

    def agree() -> bool:
        found = etcd.observe(name, scene)
        tell(f"{sum(m.answers for m in found.members)} of {len(found.members)} answer")
        well = {m.host for m in found.members if m.answers and m.has_leader}
        return found.quorum and (not step.of_all or hosts <= well)

    until(agree, step.within_seconds, f"{', '.join(step.members)} to agree")
    founding.agreed(step.members, world)


@effect.register
def _(step: steps.RemoveEtcd, world: World, tell: Tell) -> None:
    host, _, name = step.member.partition("/")
    agent = world.agent(host)
    agent.stop(name)
    root = agent.paths.root
    # The note last: as long as there is one, this step is planned again.
    for gone in (f"{root}/data/{name}", f"{root}/config/{name}/{FOUNDED}"):
        finished = agent.run(Command(("rm", "-rf", "--", gone), within_seconds=60.0))
        if finished.code != 0:
            raise UnitFailed(f"{gone} could not be deleted", detail=finished.tail)


@effect.register
def _(step: steps.RejoinEtcd, world: World, tell: Tell) -> None:
    unit, scene = care_of(step.member, world)
    agent = world.agent(unit.host)
    if agent.observe().unit(unit.name) is not None:
        raise Refused(f"{step.member} is still declared: etcd was asked for nothing")
    through = _answering(step.others, world)
    etcd_orders.remove(*through, unit.host)
    joins = etcd_orders.add(*through, unit)
    made = agent.run(Command(("mkdir", "-p", "-m", "0700", scene.place.data)))
    if made.code != 0:
        raise UnitFailed(f"{scene.place.data} cannot be made", detail=made.tail)
    agent.write((File(joins_file(scene), joins, mode=0o600),))


@effect.register
def _(step: steps.ForgetEtcd, world: World, tell: Tell) -> None:
    unit, _ = care_of(step.member, world)
    etcd_orders.remove(*_answering(step.others, world), unit.host)


def _answering(paths: tuple[str, ...], world: World) -> tuple[Unit, Scene]:
    """The first of these members of etcd that answers.

    Raises:
        TargetError: none does.
    """
    for path in paths[:-1]:
        unit, scene = care_of(path, world)
        with suppress(TargetError):
            etcd_orders.members(unit, scene)
            return unit, scene
    return care_of(paths[-1], world)


@effect.register
def _(step: steps.AdoptDatabase, world: World, tell: Tell) -> None:
    unit, scene = care_of(step.unit, world)
    agent = world.own_sockets(unit.host)
    agent.write(world.blueprint.render(unit)[0])
    agent.entrust(world.blueprint.order(unit))
    stop_point("AdoptDatabase.entrusted")
    until(lambda: leads(unit, scene), LEAD_SECONDS, f"Patroni to see that {step.unit} leads")
    # Those that follow by themselves keep their places until each of them joins. What a move that
    # was taken back left in etcd goes: nobody who joins is elected before commits wait for it.
    # Nor do they wait in vain: nobody is there yet.
    others = [u for u in members(world.blueprint.topology) if u.path != step.unit]
    outside = _slots([o for o in others if not in_care(o, world)])
    patroni.configure(unit, scene, outside, instead=NOT_STRICT)


@effect.register
def _(step: steps.ReleaseDatabase, world: World, tell: Tell) -> None:
    unit, scene = care_of(step.unit, world)
    plain, own = database_unit(step.unit, world)
    agent = world.own_sockets(unit.host)
    if in_care(unit, world) and (view_from(unit, scene) is not None or others_in_care(unit, world)):
        _require_alone(unit, scene)
        _wait_for_nobody(unit, scene, world)
    stop_point("ReleaseDatabase.alone")
    agent.write(world.blueprint.render(plain)[0])
    pid_file = f"{server(plain, own).data}/postmaster.pid"
    agent.take_back(world.blueprint.order(plain), pid_file, LEAVE_SECONDS)
    stop_point("ReleaseDatabase.taken")
    # Patroni wrote into the same files for as long as it ran.
    agent.write(world.blueprint.render(plain)[0])
    agent.reload(plain.name)
    _forget_members(plain, world)


@effect.register
def _(step: steps.JoinCluster, world: World, tell: Tell) -> None:
    unit, scene = care_of(step.unit, world)
    agent = world.own_sockets(unit.host)
    agent.write(world.blueprint.render(unit)[0])
    world.sessions.drop(step.unit)
    agent.start(world.blueprint.order(unit))
    stop_point("JoinCluster.started")

    def follows() -> bool:
        found = member_of(unit, scene)
        tell("" if found is None else found.state)
        return found is not None and found.role == "follower" and found.state in WORKS

    until(follows, FOLLOW_SECONDS, f"{step.unit} to follow {step.leader}")


@effect.register
def _(step: steps.LeaveCluster, world: World, tell: Tell) -> None:
    leader, scene = care_of(step.leader, world)
    unit, own = database_unit(step.unit, world)
    agent = world.own_sockets(unit.host)
    _set_apart(step, world)
    stop_point("LeaveCluster.apart")
    # While another one could be elected, commits go on to wait for it.
    stay = [m for m in members(world.blueprint.topology) if m.path not in (step.unit, step.leader)]
    if not any(in_care(member, world) for member in stay):
        _wait_for_nobody(leader, scene, world)
    _keep_slots(leader, scene, [unit])
    session = world.sessions.at(*database_unit(step.leader, world))
    kept = "SELECT FROM pg_replication_slots WHERE slot_name = %s"
    name = slot_name(settings_of(unit))
    until(
        lambda: session.execute(kept, [name]).fetchone() is not None,
        LEAD_SECONDS,
        f"{step.leader} to keep its log for {step.unit}",
    )
    world.sessions.drop(step.unit)
    stop_point("LeaveCluster.kept")
    agent.write(world.blueprint.render(unit)[0])
    run_at(world, unit, orders.follow(unit, own))
    stop_point("LeaveCluster.follows")
    seen = agent.observe().unit(unit.name)
    runs = None if seen is None else seen.pid
    agent.start(replace(world.blueprint.order(unit), instead_of=runs))
    # Patroni wrote into the same files for as long as it ran.
    if agent.write(world.blueprint.render(unit)[0]):
        agent.reload(unit.name)
    _forget_members(unit, world)


def _set_apart(step: steps.LeaveCluster, world: World) -> None:
    """Have a follower's Patroni end, and its server follow on: a commit still waits for it, and
    nobody can elect it any more. Only then commits may wait for nobody.

    Until it is declared for good it is told as a member without a fingerprint: it has to leave, or
    to join anew.
    """
    member, _ = care_of(step.unit, world)
    leader, scene = care_of(step.leader, world)
    plain, own = database_unit(step.unit, world)
    agent = world.own_sockets(member.host)
    seen = agent.observe().unit(member.name)
    if seen is None or seen.engine != member.engine:
        return
    if seen.fingerprint is not None:
        apart = replace(world.blueprint.order(plain), engine=member.engine, fingerprint=None)
        pid_file = f"{server(plain, own).data}/postmaster.pid"
        try:
            agent.take_back(apart, pid_file, LEAVE_SECONDS)
        except StepFailed:  # it does not run, or its keeper does not leave: both end
            agent.stop(member.name)
    patroni.forget_member(leader, scene, name=member.host)


@effect.register
def _(step: steps.RequireSynchronous, world: World, tell: Tell) -> None:
    unit, scene = care_of(step.leader, world)
    patroni.configure(unit, scene)
    stop_point("RequireSynchronous.configured")

    def waits() -> bool:
        found = probe.observe(unit, scene).in_sync
        tell(f"in sync: {', '.join(found) or 'nobody'}")
        return len(found) >= step.nodes

    until(waits, SYNCHRONOUS_SECONDS, f"{step.nodes} to be in sync with {step.leader}")


@effect.register
def _(step: steps.ExcuseMember, world: World, tell: Tell) -> None:
    unit, _ = care_of(step.unit, world)
    leader, there = care_of(step.leader, world)
    require_leads(step.leader, world)
    _tell_patroni(unit, excused(world.blueprint.render(unit)[0]), world)
    session = world.sessions.at(leader, there)
    steadily = Steadily(EXCUSED_SECONDS)

    def is_excused() -> bool:
        row = session.execute("SHOW synchronous_standby_names").fetchone()
        # On one that follows by now no commit waits for anybody either.
        found = probe.observe(leader, there)
        other = leads_instead(leader, found)
        if other is not None:
            raise StepFailed(other, next=LOOKS_AGAIN)
        without = row is not None and does_without(unit, str(row[0]), found)
        return steadily.holds(without, time.monotonic())

    until(is_excused, SYNCHRONOUS_SECONDS, f"commits on {step.leader} to do without {step.unit}")


@effect.register
def _(step: steps.CountMember, world: World, tell: Tell) -> None:
    unit, _ = care_of(step.unit, world)
    _tell_patroni(unit, world.blueprint.render(unit)[0], world)


def _tell_patroni(unit: Unit, files: tuple[File, ...], world: World) -> None:
    agent = world.own_sockets(unit.host)
    if agent.write(files):
        agent.reload(unit.name)


@effect.register
def _(step: steps.AwaitMember, world: World, tell: Tell) -> None:
    unit, scene = care_of(step.unit, world)

    def there() -> bool:
        # A host that has just come back has a Patroni that does not answer yet.
        found = member_of(unit, scene)
        tell("starts" if found is None else f"{found.state}, {found.lag_bytes} bytes behind")
        if found is None or found.role != "follower":
            return False
        return found.state in WORKS and (found.in_sync or not step.in_sync)

    does = "be in sync with" if step.in_sync else "follow"
    until(there, FOLLOW_SECONDS, f"{step.unit} to {does} {step.leader}")


@effect.register
def _(step: steps.SwitchOver, world: World, tell: Tell) -> None:
    world.evidence.ordered = True
    try:
        switch_over(step, world, remaining(world, step.max_seconds))
    except BaseException as error:  # also of whoever was interrupted
        let_go_behind(error, world)
        raise
    world.evidence.promoted = True


def _require_alone(unit: Unit, scene: Scene) -> None:
    """See that nobody is left whom Patroni would elect once this one is out of its care."""
    found = probe.observe(unit, scene)
    if found.leader is None or found.leader.name != unit.host:
        who = "nobody" if found.leader is None else found.leader.name
        raise Refused(
            f"{unit.path} does not lead, {who} does", next="tenfold resume    looks again"
        )
    others = [m.name for m in found.members if m.name != unit.host and m.state in WORKS]
    if others:
        raise Refused(
            f"{', '.join(others)} would be elected as soon as {unit.path} is out of Patroni's care",
            next="tenfold resume    has them leave first",
        )


def _wait_for_nobody(leader: Unit, scene: Scene, world: World) -> None:
    """From now on a commit waits for nobody: who leaves is not to keep anybody waiting."""
    patroni.change(leader, scene, {"synchronous_mode": False})
    session = world.sessions.at(leader, scene)

    def told() -> bool:
        row = session.execute("SHOW synchronous_standby_names").fetchone()
        return row == ("",)

    until(told, SYNCHRONOUS_SECONDS, f"commits on {leader.path} to wait for nobody")


def _keep_slots(leader: Unit, scene: Scene, followers: list[Unit]) -> None:
    """Have Patroni keep the places of those that follow without being members."""
    patroni.change(leader, scene, {"slots": _slots(followers)})


def _slots(followers: list[Unit]) -> dict[str, dict[str, str]]:
    return {slot_name(settings_of(f)): {"type": "physical"} for f in followers}


def _forget_members(unit: Unit, world: World) -> None:
    """Let go of the log that Patroni kept for its members, each by its host's name."""
    session = world.sessions.at(*database_unit(unit.path, world))
    blueprint = world.care or world.blueprint
    for member in members(blueprint.topology):
        replication.drop_slot(session, member_slot(member.host))
