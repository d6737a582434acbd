"""Hosts that leave for a while, come back, or are built anew under the same name. Pure.

Planned like any move, from what is seen: a prefix may be carried out, and planning again gives the
remainder; but whoever is built anew is built anew again. What must not be is refused before
(:func:`objections`), and what has a price is told, and wants somebody's word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tenfold.errors import Refused
from tenfold.topology.databases import leader_of
from tenfold.topology.drained import brings_back, without
from tenfold.topology.model import Topology
from tenfold.topology.observation import Observation, ObservedHost
from tenfold.topology.settings import (
    AppSettings,
    EdgeSettings,
    EtcdSettings,
    MetricsSettings,
    PatroniSettings,
    RedisSettings,
    WorkerSettings,
)
from tenfold.transitions import planner, remembered
from tenfold.transitions import steps as st
from tenfold.transitions.clustering import PATRONI, SeenCluster, prepared_on, switched_over
from tenfold.transitions.crossing import Terms
from tenfold.transitions.planner import Goal, Plan
from tenfold.transitions.steps import cluster

Does = Literal["drain", "replace", "add"]
FACT = "host_move"
"""Fact: the command on a host that is begun and not over."""
QUORUM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HostMove:
    """A command on a host that is begun and not over. ``began``: seconds since the epoch.

    ``away`` are the hosts that were out of the topology before; ``back``: it is being taken back.
    """

    does: Does
    host: str
    began: float
    away: tuple[str, ...] = ()
    back: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return remembered.to_json(self)

    @property
    def drained(self) -> tuple[str, ...]:
        """The hosts that are out of the topology when it is over."""
        if self.back:
            drains = self.does == "replace" or self.host in self.away
        else:
            drains = self.does == "drain"
        others = tuple(name for name in self.away if name != self.host)
        return (*others, self.host) if drains else others

    def emptied(self, before: Collection[str]) -> tuple[str, ...]:
        """Those of the drained hosts that have to be built anew, after those of ``before``."""
        gives_up = (self.host,) if self.does == "replace" and self.back else ()
        return tuple(name for name in self.drained if name in (*before, *gives_up))

    def reversed(self) -> HostMove:
        """The way back; one that was to be built anew may have nothing left, and is left out."""
        return replace(self, back=True)

    @property
    def ways_on(self) -> str:
        """The commands that one that was cut off goes on with, and what they do."""
        gives_up = f"leaves {self.host} out, without its data"
        back = gives_up if self.does == "replace" else "takes it back"
        return f"tenfold resume    goes on with it\ntenfold abort     {back}"


def from_json(data: Mapping[str, Any] | None) -> HostMove | None:
    """Read what :meth:`HostMove.to_json` wrote; ``None`` for ``None``.

    Raises:
        JournalError: a newer Tenfold wrote it.
    """
    if data is None:
        return None
    what = f"tenfold host {data.get('does')} {data.get('host')}"
    found = remembered.from_json(HostMove, data, what)
    return replace(found, away=tuple(found.away))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a decision on a host is made of.

    ``whole``: the topology with all hosts; ``leader`` the database's host that leads, ``None``
    where nobody can say, ``in_sync`` those that may; ``answering`` the hosts of etcd's members that
    answer and have a leader; ``emptied`` the hosts that are out, and have to be built anew.
    """

    whole: Topology
    leader: str | None
    in_sync: tuple[str, ...]
    answering: tuple[str, ...]
    emptied: tuple[str, ...] = ()


def objections(move: HostMove, now: Standing) -> tuple[str, ...]:
    """What it costs, as sentences that somebody has to agree to; none is none.

    Raises:
        Refused: it must not be done, or cannot.
    """
    host, whole = move.host, now.whole
    if host not in {h.name for h in whole.hosts}:
        names = ", ".join(h.name for h in whole.hosts)
        raise Refused(f"there is no host {host}", next=f"there are {names}")
    if move.does == "add":
        if host not in move.away:
            raise Refused(
                f"{host} is not drained", next="tenfold up    starts what does not run on it"
            )
        if host in now.emptied:
            raise Refused(
                f"what {host} had was given up, and the others do without it",
                next=f"{brings_back(host, now.emptied)}    builds it anew",
            )
        return ()
    if move.does == "replace":
        return _of_replacing(host, move.away, now)
    if host in move.away:
        raise Refused(f"{host} is drained already", next=brings_back(host, now.emptied))
    return _of_draining(host, move.away, now)


def _of_draining(host: str, away: Collection[str], now: Standing) -> tuple[str, ...]:
    _require_majority(host, now)
    _require_successor(host, now)
    here = now.whole.on(host)
    left = without(now.whole, {host, *away})
    found: list[str] = []
    if any(isinstance(m.settings, AppSettings) for m in here):
        if not left.app_pools:
            raise Refused(f"nobody else serves the app: {host} is the last host that has it")
        if any(isinstance(m.settings, RedisSettings) for m in here):
            raise Refused(f"Redis and its data are on {host} alone, and the app needs them")
    found += _what_stops(host, now.whole)
    if any(isinstance(m.settings, PatroniSettings) for m in here):
        found += _unreplicated(host, away, now)
    return tuple(found)


def _of_replacing(host: str, away: Collection[str], now: Standing) -> tuple[str, ...]:
    here = now.whole.on(host)
    databases = any(isinstance(m.settings, PatroniSettings) for m in here)
    if not databases and not any(isinstance(m.settings, EtcdSettings) for m in here):
        raise Refused(
            f"{host} has no data that another host has as well",
            next="tenfold up    starts what does not run on it",
        )
    _require_majority(host, now)
    _require_successor(host, now)
    found = [f"what {host} has of the database and of etcd is deleted, and copied from the others"]
    if databases:
        found += _unreplicated(host, away, now)
    return tuple(found)


def _require_majority(host: str, now: Standing) -> None:
    members = [m.host for m in now.whole.of(EtcdSettings)]
    if host not in members:
        return
    left = [name for name in now.answering if name != host]
    if 2 * len(left) <= len(members):
        raise Refused(
            f"without {host} {len(left)} of etcd's {len(members)} members would answer, and nobody"
            " could agree on who leads",
            changed="nothing",
            next="bring the others back first: tenfold status says which do not answer",
        )


def _require_successor(host: str, now: Standing) -> None:
    if not any(m.host == host for m in now.whole.of(PatroniSettings)):
        return
    if now.leader is None:
        raise Refused(
            f"nobody can say which database leads just now, so it may be that of {host}",
            changed="nothing",
            next="tenfold status    says when one does; then give the command again",
        )
    if now.leader == host and not any(name != host for name in now.in_sync):
        raise Refused(
            f"the database on {host} leads, and no other one has every commit",
            changed="nothing",
            next="tenfold status    says when one is in sync",
        )


def _what_stops(host: str, whole: Topology) -> list[str]:
    found: list[str] = []
    for member in whole.on(host):
        match member.settings:
            case EdgeSettings():
                found.append(
                    f"nobody answers at the edge of {host} meanwhile: take its address out of DNS"
                    " first"
                )
            case WorkerSettings():
                found.append(f"{member.name} works on {host} alone, and rests until it is back")
            case MetricsSettings():
                found.append(f"figures and alerts are gathered on {host} alone")
    return found


def _unreplicated(host: str, away: Collection[str], now: Standing) -> list[str]:
    """What it costs if too few databases are left that have every commit; one that does not follow
    is none of them, be it in the topology or not."""
    others = without(now.whole, {host, *away}).of(PatroniSettings)
    settings = [m.settings for m in others if isinstance(m.settings, PatroniSettings)]
    complete = [m.host for m in others if m.host == now.leader or m.host in now.in_sync]
    if len(complete) > max((s.synchronous_nodes for s in settings), default=1):
        return []
    behind = [m.host for m in others if m.host not in complete]
    back = f"{host} is back"
    if behind:
        back += f", or {' or '.join(behind)} has every commit,"
    if any(s.strict for s in settings):
        return [f'until {back} nothing is written: [database] without_follower is "stop"']
    hosts = "1 host" if len(complete) == 1 else f"{len(complete)} hosts"
    return [f"until {back} a commit is on {hosts} alone, and that may be lost"]


def plan(move: HostMove, found: SeenCluster, goal: Goal, terms: Terms) -> Plan:
    """The steps; ``goal`` has all hosts.

    Raises:
        TwoLeaders: more than one database accepts writes.
    """
    all_of_it, whole = goal, goal.topology
    goal = replace(goal, topology=without(whole, move.drained))
    leader = leader_of(found.seen.databases)
    steps: list[st.Step] = []
    led = None if leader is None else leader.path
    if led is not None and led.partition("/")[0] == move.host and _gives_up(move):
        successor = _successor(move.host, found, goal)
        steps += switched_over(led, successor, found.pools, terms)
        led = successor
    if led is not None:
        goal = replace(goal, leaders=dict.fromkeys(goal.leaders, led))
    now = found.seen.now
    if led is not None and _gives_up(move):
        steps += _excused(move.host, led, found)
    if move.does == "replace":
        steps += _emptied(move, led, found, all_of_it.topology)
        if not move.back or _answers(move.host, found):
            now = _nothing_on(move.host, found)
    now = now if led is None else prepared_on(now, all_of_it, led)
    rest = planner.plan(move.does, now, goal).steps
    steps += [s for s in rest if not isinstance(s, st.EnsureHost) or s not in steps]
    steps += _waited_for_again(move, led, whole, goal)
    return Plan(f"host {move.does}", tuple(steps))


def _gives_up(move: HostMove) -> bool:
    """Whether what runs on the host ends."""
    return move.host in move.drained or move.does == "replace"


def _successor(host: str, found: SeenCluster, goal: Goal) -> str:
    others = [m.path for m in goal.topology.of(PatroniSettings) if m.host != host]
    in_sync = [path for path in others if path.partition("/")[0] in found.in_sync]
    if not (in_sync or others):
        raise Refused(f"there is no other database than that of {host}")
    return (in_sync or others)[0]


def _emptied(
    move: HostMove, leader: str | None, found: SeenCluster, whole: Topology
) -> list[st.Step]:
    """Stop database and etcd there, delete what they have, and have etcd expect a new member; or do
    without, where the host is given up: of one that does not answer what it has is left."""
    host = move.host
    steps: list[st.Step] = [] if move.back else [st.EnsureHost(host)]
    seen = found.seen.now.host(host)
    others = tuple(m.path for m in without(whole, move.away).of(EtcdSettings) if m.host != host)
    for member in whole.on(host):
        if not isinstance(member.settings, PatroniSettings | EtcdSettings):
            continue
        if not move.back or _answers(host, found):
            if seen is not None and seen.unit(member.name) is not None:
                steps.append(st.StopUnit(member.path))
            database = isinstance(member.settings, PatroniSettings)
            steps.append(st.RemoveData(member.path, leader if database else None))
        if isinstance(member.settings, EtcdSettings):
            rejoins = cluster.ForgetEtcd if move.back else cluster.RejoinEtcd
            steps.append(rejoins(member.path, others))
    return steps


def _answers(host: str, found: SeenCluster) -> bool:
    seen = found.seen.now.host(host)
    return seen is not None and seen.agent == "running"


def _nothing_on(host: str, found: SeenCluster) -> Observation:
    """What is seen then: an agent, and nothing of database and etcd."""
    now = found.seen.now
    known = now.host(host) or ObservedHost(host, "", "running")
    kept = tuple(u for u in known.units if u.engine not in (PATRONI, "etcd"))
    others = tuple(h for h in now.hosts if h.name != host)
    return replace(now, hosts=(*others, replace(known, agent="running", units=kept)))


def _excused(host: str, leader: str, found: SeenCluster) -> list[st.Step]:
    """Nobody waits for the databases that are about to stop there."""
    seen = found.seen.now.host(host)
    units = seen.units if seen is not None and _answers(host, found) else ()
    there = [f"{host}/{u.name}" for u in units if u.engine == PATRONI]
    return [cluster.ExcuseMember(path, leader) for path in there]


def _waited_for_again(
    move: HostMove, leader: str | None, whole: Topology, goal: Goal
) -> list[st.Step]:
    """See that etcd and the database of a host that is back are what they are to be."""
    steps: list[st.Step] = []
    there = goal.topology.of(EtcdSettings)
    if any(m.host == move.host for m in there):
        steps.append(cluster.AwaitQuorum(tuple(m.path for m in there), QUORUM_SECONDS))
    for member in whole.of(PatroniSettings):
        settings = member.settings
        assert isinstance(settings, PatroniSettings)
        if member.host == move.host and leader is not None and move.host not in move.drained:
            # Of one that was not stopped yet when a drain was taken back, it is not counted on.
            steps.append(cluster.CountMember(member.path))
            steps.append(cluster.AwaitMember(member.path, leader))
            steps.append(cluster.RequireSynchronous(leader, settings.synchronous_nodes))
    return steps
