"""A model of the world for moves into Patroni's care and out of it, purely.

On top of :mod:`tests.support.crossing_model`: what etcd agrees on, what a commit waits for, and
what must never be, asserted at each step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.support import crossing_model, model

from tenfold.topology.model import Unit
from tenfold.topology.observation import ObservedUnit
from tenfold.topology.settings import EtcdSettings
from tenfold.transitions import steps as st
from tenfold.transitions.clustering import PATRONI, SeenCluster
from tenfold.transitions.crossing import members
from tenfold.transitions.planner import Goal
from tenfold.transitions.steps import cluster

MEMBERS = 3


@dataclass(frozen=True)
class World:
    plain: crossing_model.World
    agrees: bool = False
    synchronous: bool = False
    etcd_data: frozenset[str] = frozenset()
    journal: str | None = None

    @property
    def found(self) -> SeenCluster:
        hosts = sorted(self.plain.seen.now.hosts, key=lambda host: host.name)
        now = replace(self.plain.seen.now, hosts=tuple(hosts))
        seen = replace(self.plain.seen, now=now)
        told = self.agrees, self.synchronous, self.etcd_data, self.pools
        return SeenCluster(seen, *told, journal=self.journal)

    @property
    def pools(self) -> tuple[str, ...]:
        """Those that serve."""
        found = {
            f"{h.name}/{u.pool}"
            for h in self.plain.seen.now.hosts
            for u in h.units
            if u.pool == "app" and u.state in ("running", "holding")
        }
        return tuple(sorted(found))

    @property
    def held(self) -> set[str]:
        return {f"{h.name}/{p}" for h in self.plain.seen.now.hosts for p, _ in h.held}

    def role(self, path: str) -> str:
        return self.plain.role(path)

    def in_care(self) -> list[str]:
        return [
            f"{h.name}/{u.name}"
            for h in self.plain.seen.now.hosts
            for u in h.units
            if u.engine == PATRONI
        ]

    def etcd_runs(self) -> int:
        return sum(u.engine == "etcd" for h in self.plain.seen.now.hosts for u in h.units)


def writable(world: World) -> list[str]:
    return crossing_model.writable(world.plain)


def apply(step: st.Step, world: World, goal: Goal) -> World:
    """What would be observed if the step had been performed."""
    match step:
        case st.Together(inner):
            for one in inner:
                world = apply(one, world, goal)
            return world
        case cluster.AwaitQuorum():
            assert 2 * world.etcd_runs() > MEMBERS
            return replace(world, agrees=True)
        case cluster.RemoveEtcd(path):
            assert not world.in_care(), "etcd is given up only when nobody asks it"
            assert world.journal is None, "it would be deleted with it"
            now = model.apply(st.StopUnit(path), world.plain.seen.now, goal)
            return replace(_now(world, now), etcd_data=world.etcd_data - {path})
        case st.MoveJournal(to, before):
            assert world.agrees, "it is read or written there"
            assert world.journal == before
            return replace(world, journal=to)
        case cluster.AdoptDatabase(path):
            assert world.agrees, "Patroni has somebody to ask"
            assert world.journal is not None, "from 1k on it outlives every single host"
            assert world.role(path) == "leader"
            assert not world.in_care(), "the leader is the first to come"
            return _became(world, path, goal, PATRONI)
        case cluster.JoinCluster(path, leader):
            assert world.agrees
            assert leader in world.in_care()
            assert world.role(leader) == "leader"
            assert world.role(path) in ("absent", "follower")
            plain = crossing_model.database(world.plain, path, role="follower", running=True)
            slots = plain.seen.databases[leader].slots | {_node(path, goal)}
            plain = crossing_model.database(plain, leader, slots=slots)
            return _became(replace(world, plain=plain), path, goal, PATRONI)
        case cluster.RequireSynchronous(leader, nodes):
            assert world.role(leader) == "leader"
            assert len(world.in_care()) > nodes
            return replace(world, synchronous=True)
        case cluster.SwitchOver(leader, to):
            assert {leader, to} <= set(world.in_care())
            assert world.synchronous, "the next leader has everything"
            assert set(world.pools) == world.held, "nobody is served while leaders change"
            plain = crossing_model.database(world.plain, leader, role="follower", slots=frozenset())
            return replace(world, plain=crossing_model.database(plain, to, role="leader"))
        case cluster.AwaitMember(path, leader, in_sync):
            assert {leader, path} <= set(world.in_care())
            assert not world.held, "what takes long is waited for while nobody waits"
            return replace(world, synchronous=True) if in_sync else world
        case st.Hold() if world.in_care():  # background workers are neither held nor at rest
            plain = world.plain
            for pool in step.pools:
                plain = crossing_model._hold(plain, pool, held=True)
            return replace(world, plain=plain)
        case cluster.LeaveCluster(path, leader):
            assert world.role(path) == "follower"
            assert _node(path, goal) in world.plain.seen.databases[leader].slots
            return replace(_became(world, path, goal, "postgresql"), synchronous=False)
        case cluster.ReleaseDatabase(path):
            assert world.in_care() == [path], "nobody is left whom Patroni could have lead"
            assert world.role(path) == "leader"
            return _became(world, path, goal, "postgresql")
        case st.StopUnit(path) if path in world.in_care():
            assert world.role(path) != "leader"
            world = replace(world, synchronous=False)
        case st.Handover(path) if _is_another_zone(path, goal):
            assert world.synchronous, "a second zone serves once what it writes is in two"
    before = world.plain.seen.databases
    world = replace(world, plain=crossing_model.apply(step, world.plain, goal))
    assert all(path in world.plain.seen.databases for path in before)
    if isinstance(step, st.StartUnit | st.RestartUnit) and _is_etcd(step.unit, goal):
        world = replace(world, etcd_data=world.etcd_data | {step.unit})
    if isinstance(step, st.RemoveHost):
        gone = frozenset(p for p in world.etcd_data if p.startswith(f"{step.host}/"))
        world = replace(world, etcd_data=world.etcd_data - gone)
    agrees = world.agrees and 2 * world.etcd_runs() > MEMBERS
    assert agrees or not world.in_care(), "Patroni has somebody to ask until nobody needs it"
    assert agrees or world.journal is None, "whoever has the journal is there"
    return replace(world, agrees=agrees)


def _is_etcd(path: str, goal: Goal) -> bool:
    return any(m.path == path for m in goal.topology.of(EtcdSettings))


def _is_another_zone(path: str, goal: Goal) -> bool:
    return path in {p.path for p in goal.topology.app_pools[1:]}


def _node(path: str, goal: Goal) -> int:
    return next(m.settings.node for m in members(goal.topology) if m.path == path)  # type: ignore[attr-defined]


def _became(world: World, path: str, goal: Goal, engine: str) -> World:
    unit = goal.topology.member(path)
    assert isinstance(unit, Unit)
    made = ObservedUnit(unit.name, engine, "running", fingerprint=goal.fingerprints[path])
    now = model._units(world.plain.seen.now, unit.host, remove={unit.name}, add=(made,))
    return _now(world, now)


def _now(world: World, now: object) -> World:
    return replace(world, plain=crossing_model._units(world.plain, now))
