"""The planner of an upgrade: engines come to run the programs that are installed by now. Pure.

As the others, a prefix of its plan may be carried out and the rest forgotten; planning again from
there gives the remainder. No request fails: the edge is stood in for by a second one on the same
sockets; whatever has sessions of the app restarts while requests wait; the rest serves nobody.
Members of a database in Patroni's care restart one after the other, whoever leads last, when
another one leads instead: requests wait while it comes to. So do members of etcd, each only while
all of them are well: two that are away at once are a majority.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenfold.errors import Refused
from tenfold.topology.model import Pool, Unit, start_order
from tenfold.topology.observation import Observation, ObservedUnit
from tenfold.topology.settings import (
    DatabaseSettings,
    EdgeSettings,
    EndpointSettings,
    EtcdSettings,
    PatroniSettings,
    RedisSettings,
)
from tenfold.transitions import clustering, crossing, interrupting
from tenfold.transitions import steps as st
from tenfold.transitions.interrupting import Bounds
from tenfold.transitions.planner import LIVE, Goal, Plan
from tenfold.transitions.steps import cluster

KIND = "upgrade"
"""What its plans are called."""

Programs = tuple[str, ...] | None
WITH_SESSIONS = (DatabaseSettings, RedisSettings, EndpointSettings)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an upgrade is to do.

    ``programs`` maps the path of every unit to the program that it is to execute, and behind it to
    those that what it looks after is to be run from. ``anyway``:
    every engine restarts that was started before then (seconds since the epoch), even one that runs
    what is installed. ``stale``: one was cut off before new workers took over. ``patience_seconds``
    is how long an edge may finish what it has in hand. ``brings_back`` are the commands that bring
    hosts back that were taken out. ``in_sync`` are the hosts whose database has every commit.
    """

    programs: Mapping[str, tuple[str, ...]]
    bounds: Bounds
    patience_seconds: float
    anyway: float | None = None
    stale: bool = False
    brings_back: tuple[str, ...] = ()
    in_sync: tuple[str, ...] = ()


def behind(now: Observation, goal: Goal, wish: Wish) -> tuple[Unit, ...]:
    """The engines that do not run what is installed, in the order of their start."""
    found: list[Unit] = []
    for host in goal.topology.hosts:
        for member in start_order(goal.topology.on(host.name)):
            if isinstance(member, Pool):
                continue
            if _is_behind(live(now, member), wish.programs.get(member.path), wish):
                found.append(member)
    return tuple(found)


def moved(
    now: Observation, goal: Goal, programs: Mapping[str, tuple[str, ...]]
) -> tuple[Unit, ...]:
    """The running engines whose program lies elsewhere now: whose restart somebody would notice.

    A plan that is not an upgrade would restart them like any unit whose launch changed.
    """
    noticed = (EdgeSettings, *WITH_SESSIONS)
    units = [u for u in goal.topology.units if isinstance(u.settings, noticed)]
    seen = {unit.path: live(now, unit) for unit in units}
    if None in seen.values():  # something is down already, and whoever brings it up is welcome
        return ()
    return tuple(u for u in units if _is_moved(seen[u.path], programs.get(u.path)))


def plan(kind: str, now: Observation, goal: Goal, wish: Wish) -> Plan:
    """The steps after which every engine runs what is installed; empty if they do.

    Raises:
        Refused: a database that fails over is to restart, and no other one is there to lead.
    """
    units = behind(now, goal, wish)
    left = _stood_in_for(now)
    runs = frozenset(u.path for u in goal.topology.units if live(now, u) is not None)
    edges = [u for u in goal.topology.of(EdgeSettings) if u in units or u.path in left]
    held = [u for u in units if waits(u)]
    kept = [u for u in units if isinstance(u.settings, PatroniSettings)]
    etcd = [u for u in units if isinstance(u.settings, EtcdSettings)]
    apart = {u.path for u in (*edges, *held, *kept, *etcd)}
    others = [u for u in units if u.path not in apart]
    steps: list[st.Step] = [st.Renew(u.path, anyway=wish.anyway) for u in others]
    steps += _while_all_agree(etcd, runs, goal, wish)
    steps += _one_by_one(kept, now, goal, wish)
    for unit in edges:
        patience = wish.patience_seconds
        steps += [
            st.StandIn(unit.path, patience),
            st.Renew(unit.path, patience, wish.anyway),
            st.EndStandIn(unit.path),
        ]
    changes = [st.RenewServer(u.path, anyway=wish.anyway) for u in held]
    databases = tuple(
        u.path for u in held if isinstance(u.settings, DatabaseSettings) and u.path in runs
    )
    if any(u.path in runs for u in held):
        before = (st.Checkpoint(databases),) if databases else ()
        steps += interrupting.while_requests_wait(changes, now, goal, wish.bounds, before)
    elif changes:  # nobody can be served until they run
        steps += [*changes, *interrupting.new_workers(now, goal, rested=False)]
    elif wish.stale:
        steps += interrupting.new_workers(now, goal, rested=False)
    return Plan(kind, tuple(steps))


def waits(unit: Unit) -> bool:
    """Whether requests wait while it restarts."""
    in_care = isinstance(unit.settings, PatroniSettings)
    return isinstance(unit.settings, WITH_SESSIONS) and not in_care


def _while_all_agree(
    etcd: list[Unit], runs: frozenset[str], goal: Goal, wish: Wish
) -> list[st.Step]:
    """Members of etcd, those that do not run first, each of the others when all are well."""
    if not etcd:
        return []
    whole = tuple(member.path for member in goal.topology.of(EtcdSettings))
    all_well = cluster.AwaitQuorum(whole, clustering.QUORUM_SECONDS, of_all=True)
    renewals = [(u.path in runs, st.Renew(u.path, anyway=wish.anyway)) for u in etcd]
    steps: list[st.Step] = [renew for running, renew in renewals if not running]
    for running, renew in renewals:
        steps += [all_well, renew] if running else []
    return [*steps, all_well]


def _one_by_one(kept: list[Unit], now: Observation, goal: Goal, wish: Wish) -> list[st.Step]:
    """Members that follow, each until it is in sync again; then whoever led steps down for one."""
    pools = tuple(pool.path for pool in crossing.serving(goal.topology.app_pools, now))
    terms = crossing.Terms(wish.bounds.max_hold_seconds, wish.bounds.postpone_seconds)
    members = [m for m in goal.topology.of(PatroniSettings) if isinstance(m, Unit)]
    steps: list[st.Step] = []
    for leader in filter(goal.leads, members):
        others = [m for m in members if m != leader]
        for follower in (u for u in kept if u in others):
            steps.append(st.Renew(follower.path, anyway=wish.anyway))
            steps.append(cluster.AwaitMember(follower.path, leader.path, in_sync=True))
        if leader in kept:
            if not others:
                raise _nobody_else(leader, wish)
            to = _successor(others, wish)
            steps += clustering.switched_over(leader.path, to, pools, terms)
            steps.append(st.Renew(leader.path, anyway=wish.anyway))
            steps.append(cluster.AwaitMember(leader.path, to, in_sync=True))
    return steps


def _successor(others: list[Unit], wish: Wish) -> str:
    """One that is in sync; where none is just now, the first is waited for."""
    in_sync = [unit.path for unit in others if unit.host in wish.in_sync]
    return (in_sync or [unit.path for unit in others])[0]


def _nobody_else(leader: Unit, wish: Wish) -> Refused:
    return Refused(
        f"{leader.path} is to restart, and no other database is there to lead meanwhile",
        changed="nothing: every engine runs on",
        next="\n".join([*wish.brings_back, "tenfold upgrade    then"]),
    )


def live(now: Observation, unit: Unit) -> ObservedUnit | None:
    """The unit as it runs; ``None`` where it does not."""
    host = now.host(unit.host)
    found = host.unit(unit.name) if host is not None and host.agent == "running" else None
    return found if found is not None and found.state in LIVE else None


def _is_behind(seen: ObservedUnit | None, programs: Programs, wish: Wish) -> bool:
    if seen is None:
        return True
    if wish.anyway is not None and seen.since < wish.anyway:
        return True
    return seen.replaced or _is_moved(seen, programs)


def _is_moved(seen: ObservedUnit | None, programs: Programs) -> bool:
    if seen is None or seen.program is None or programs is None:
        return False
    return (seen.program, *seen.programs) != programs


def _stood_in_for(now: Observation) -> frozenset[str]:
    """Units whose stand-in was left by an upgrade that was cut off; it may be all that serves."""
    return frozenset(
        f"{host.name}/{unit.name.removesuffix(st.BESIDE)}"
        for host in now.hosts
        for unit in host.units
        if unit.name.endswith(st.BESIDE)
    )
