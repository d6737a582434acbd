"""A model of the world for crossings: what a step does to hosts, workers and databases, purely.

Beside what is observed it keeps what must never be: :func:`writable` tells which databases accept
writes, and :func:`apply` refuses to promote or unfence where that could make them two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.support import model

from tenfold.topology.databases import ObservedDatabase
from tenfold.topology.observation import ObservedHost
from tenfold.topology.settings import PatroniSettings
from tenfold.transitions import steps as st
from tenfold.transitions.crossing import Seen, members
from tenfold.transitions.planner import Goal


@dataclass(frozen=True)
class World:
    """``caught_up`` are followers that have everything that their leader wrote."""

    seen: Seen
    caught_up: frozenset[str] = frozenset()

    def role(self, path: str) -> str:
        return self.seen.databases[path].role


def writable(world: World) -> list[str]:
    return [p for p, d in world.seen.databases.items() if d.role == "leader" and d.running]


def apply(step: st.Step, world: World, goal: Goal) -> World:
    """What would be observed if the step had been performed."""
    match step:
        case st.EnsureSlot(path, node):
            slots = world.seen.databases[path].slots | {node}
            return database(world, path, slots=slots)
        case st.DropSlot(path, node):
            return database(world, path, slots=world.seen.databases[path].slots - {node})
        case st.StartUnit(path) | st.RestartUnit(path) if path in world.seen.databases:
            role = world.role(path)
            assert role != "fenced", "a fenced leader is started by Follow or after Unfence alone"
            if role == "absent":
                role = _born(path, goal)
                copied = role == "follower" and not goal.topology.of(PatroniSettings)
                world = database(world, path, compared=not copied)
            world = database(world, path, role=role, running=True)
        case st.StopUnit(path) if path in world.seen.databases:
            world = database(world, path, running=False)
        case st.StopHost(name):
            for path in [p for p in world.seen.databases if p.startswith(f"{name}/")]:
                world = database(world, path, running=False)
        case st.CatchUp(path, leader):
            assert world.role(leader) == "leader"
            assert world.seen.databases[leader].running
            return replace(world, caught_up=world.caught_up | {path})
        case st.Fence(path):
            assert is_held(world), "a leader is fenced only while requests wait"
            assert not writing(world), "a leader is fenced only while no worker writes"
            world = database(world, path, role="fenced", running=False)
            return _without(world, path, goal)
        case st.Unfence(path, successor):
            assert not successor or world.role(successor) != "leader"
            return database(world, path, role="leader")
        case st.AwaitLast(path, fenced):
            assert world.role(fenced) == "fenced"
            return replace(world, caught_up=world.caught_up | {path})
        case st.Promote(path, fenced):
            assert world.role(fenced) == "fenced"
            assert path in world.caught_up
            assert world.seen.databases[path].compared, "no copy leads that nobody compared"
            return database(world, path, role="leader")
        case st.Follow(path, leader):
            node = next(m.settings.node for m in members(goal.topology) if m.path == path)
            assert node in world.seen.databases[leader].slots
            world = database(world, path, role="follower", running=True)
            return _units(world, model.apply(st.StartUnit(path), world.seen.now, goal))
        case st.RemoveData(path):
            cut_off = world.seen.databases[path].removed
            assert world.role(path) == ("absent" if cut_off else "follower")
            return _gone(world, path)
        case st.RemoveHost(name):
            for path in [p for p in world.seen.databases if p.startswith(f"{name}/")]:
                assert world.role(path) != "leader", "a leader is never deleted"
                world = _gone(world, path)
            hosts = tuple(h for h in world.seen.now.hosts if h.name != name)
            return _units(world, replace(world.seen.now, hosts=hosts))
        case st.Hold(pool) | st.Release(pool):
            assert isinstance(step, st.Release) or not writing(world), "workers end before the hold"
            return _hold(world, pool, held=isinstance(step, st.Hold))
        case st.Handover(pool):
            world = _hold(world, pool, held=False)
        case st.Verify(path, leader):
            assert world.role(path) == "follower"
            assert path in world.caught_up
            assert world.role(leader) == "leader"
            return database(world, path, compared=True)
        case st.Check() | st.TrialStart() | st.Checkpoint() | st.Settle():
            return world
    return _units(world, model.apply(step, world.seen.now, goal))


def writing(world: World) -> list[str]:
    """Background workers that work."""
    return [
        u.name
        for h in world.seen.now.hosts
        for u in h.units
        if u.engine == "worker" and u.state != "resting"
    ]


def is_held(world: World) -> bool:
    return any(h.held for h in world.seen.now.hosts)


def database(world: World, path: str, **changes: object) -> World:
    changed = replace(world.seen.databases[path], **changes)  # type: ignore[arg-type]
    databases = {**world.seen.databases, path: changed}
    return replace(world, seen=replace(world.seen, databases=databases))


def _gone(world: World, path: str) -> World:
    gone = {"slots": frozenset(), "compared": True, "removed": False}
    return database(world, path, role="absent", running=False, **gone)


def absent(path: str) -> ObservedDatabase:
    return ObservedDatabase(path, "absent")


def _born(path: str, goal: Goal) -> str:
    (leader,) = goal.leaders.values()
    return "leader" if path == leader else "follower"


def _units(world: World, now: object) -> World:
    return replace(world, seen=replace(world.seen, now=now))  # type: ignore[arg-type]


def _without(world: World, path: str, goal: Goal) -> World:
    return _units(world, model.apply(st.StopUnit(path), world.seen.now, goal))


def _hold(world: World, pool: str, *, held: bool) -> World:
    host_name, _, name = pool.partition("/")
    host = world.seen.now.host(host_name)
    assert host
    states = {"running": "holding"} if held else {"holding": "running"}
    units = tuple(
        replace(u, state=states.get(u.state, u.state)) if u.pool == name else u for u in host.units
    )
    changed = replace(host, units=units, held=((name, 1.0),) if held else ())
    others: tuple[ObservedHost, ...] = tuple(h for h in world.seen.now.hosts if h.name != host_name)
    return _units(world, replace(world.seen.now, hosts=(*others, changed)))
