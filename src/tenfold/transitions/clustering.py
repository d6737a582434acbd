"""The planner between a database of one's own hands and one that fails over by itself. Pure.

As in :mod:`tenfold.transitions.planner`, a prefix of a plan may be carried out and the rest
forgotten; planning again from there gives the remainder. Further invariants:

- at every moment at most one database accepts writes: the running leader is adopted and released
  as it is, and nobody else in Patroni's care leads when that happens;
- Patroni has etcd to ask from before its first database until after its last;
- the journal is in etcd only while etcd is there: it goes before whoever comes into Patroni's care,
  and is back in its file before any member of etcd is given up;
- a member that follows has its place in the leader's log, whoever keeps it;
- nobody serves from a second zone before a commit waits for a second member.

No request waits: neither adopting nor releasing ends a session. Where another member has to lead
first, requests wait while leaders change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tenfold.topology.model import Topology, Unit
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.topology.settings import EtcdSettings, PatroniSettings
from tenfold.transitions import crossing, planner
from tenfold.transitions import steps as st
from tenfold.transitions.crossing import Seen, Terms, members
from tenfold.transitions.planner import LIVE, Goal, Plan
from tenfold.transitions.steps import cluster

PATRONI = "patroni"
QUORUM_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """What was observed.

    ``journal`` is the cluster of etcd that has it, ``None`` for its file. ``agrees``: most members
    of etcd do. ``synchronous``: a commit waits for as many members as the goal wants. ``etcd_data``
    are the members, as ``host/unit``, that have data on their disk. ``pools`` are those at which
    users are served, in all zones. By Patroni's word, where one answers: ``in_sync`` are the hosts
    whose database has every commit, ``leader`` is the one whose database leads.
    """

    seen: Seen
    journal: str | None = field(kw_only=True)
    agrees: bool = False
    synchronous: bool = False
    etcd_data: frozenset[str] = frozenset()
    pools: tuple[str, ...] = ()
    in_sync: tuple[str, ...] = ()
    leader: str | None = None


def plan(kind: str, found: SeenCluster, goal: Goal, terms: Terms) -> Plan:
    """The steps to ``goal``; empty when they are the same already.

    Raises:
        Refused: no database leads, or more than one accepts writes.
    """
    steps, now = _foundation(found, goal)
    steps = [*_let_go(found), *steps]
    found = replace(found, seen=replace(found.seen, now=now))
    if goal.topology.of(PatroniSettings):
        care, now = _into_care(found, goal)
        leader = crossing.require_leader(found.seen.databases)
        now = prepared_on(now, goal, leader.path)
        goal = replace(goal, leaders=dict.fromkeys(goal.leaders, leader.path))
        rest = planner.plan(kind, now, goal).steps
        return Plan(kind, (*steps, *_journal(found, etcd_of(goal.topology)), *care, *rest))
    care, seen = _out_of_care(found, goal, terms)
    # Workers are not warmed on a follower, so whether they could be is no question here.
    plain = crossing.plan(kind, seen, goal, terms).steps
    rest = tuple(s for s in plain if not isinstance(s, st.TrialStart))
    back = (*_journal(found, None), *rest, *_forgotten(found, goal))
    return Plan(kind, (*steps, *care, *back))


def _journal(found: SeenCluster, wanted: str | None) -> tuple[st.Step, ...]:
    return () if found.journal == wanted else (st.MoveJournal(wanted, found.journal),)


def etcd_of(topology: Topology) -> str:
    """The cluster of etcd that Patroni asks, in a topology that has one."""
    settings = topology.of(EtcdSettings)[0].settings
    assert isinstance(settings, EtcdSettings)
    return settings.cluster


def with_journal(todo: Plan, goal: Goal, *, is_there: bool) -> Plan:
    """A plan of :mod:`tenfold.transitions.planner` in which the journal comes into etcd as soon as
    that agrees, where the goal has a database that fails over and it is not there yet."""
    if is_there or not goal.topology.of(PatroniSettings):
        return todo
    etcd = tuple(m.path for m in goal.topology.of(EtcdSettings))
    behind = 0
    for number, step in enumerate(todo.steps):
        starts = (st.StartUnit, st.RestartUnit)
        if any(isinstance(s, starts) and s.unit in etcd for s in st.flatten((step,))):
            behind = number + 1
    moved = (
        cluster.AwaitQuorum(etcd, QUORUM_SECONDS),
        st.MoveJournal(etcd_of(goal.topology), None),
    )
    return replace(todo, steps=(*todo.steps[:behind], *moved, *todo.steps[behind:]))


def roused(now: Observation, goal: Goal) -> tuple[st.Step, ...]:
    """What has etcd run again when all was stopped; empty where the goal has none, or it runs."""
    if not goal.topology.of(EtcdSettings):
        return ()
    found = SeenCluster(Seen(now, {}), journal=None, agrees=True)
    steps, _ = _foundation(found, goal)
    return tuple(s for s in steps if not isinstance(s, cluster.AwaitQuorum))


def _foundation(found: SeenCluster, goal: Goal) -> tuple[list[st.Step], Observation]:
    """Hosts, and etcd, whose members are started together: a cluster begins with all of them.

    Gives what will be seen then, too.
    """
    now = found.seen.now
    steps: list[st.Step] = []
    for host in goal.topology.hosts:
        seen = now.host(host.name)
        if seen is None or seen.agent != "running":
            steps.append(st.EnsureHost(host.name))
            now = _put(now, host.name, ())
    starts: list[st.Step] = []
    etcd = goal.topology.of(EtcdSettings)
    for member in etcd:
        assert isinstance(member, Unit)
        missing = planner.plan_unit(member, now.host(member.host), goal)
        starts += missing
        now = _became(now, member, goal) if missing else now
    steps += st.at_once(starts)
    if etcd and (starts or not found.agrees):
        steps.append(cluster.AwaitQuorum(tuple(m.path for m in etcd), QUORUM_SECONDS))
    return steps, now


def _into_care(found: SeenCluster, goal: Goal) -> tuple[list[st.Step], Observation]:
    """The leader comes into Patroni's care, and then those that follow it."""
    now = found.seen.now
    leader = crossing.require_leader(found.seen.databases)
    steps: list[st.Step] = []
    units = {u.path: u for u in members(goal.topology)}
    if not _in_care(now, leader.path):
        steps.append(cluster.AdoptDatabase(leader.path))
        now = _became(now, units[leader.path], goal)
    joining = [path for path in units if not _in_care(now, path)]
    for path in joining:
        steps.append(cluster.JoinCluster(path, leader.path))
        now = _became(now, units[path], goal)
    settings = units[leader.path].settings
    assert isinstance(settings, PatroniSettings)
    if settings.synchronous and (joining or not found.synchronous):
        steps.append(cluster.RequireSynchronous(leader.path, settings.synchronous_nodes))
    return steps, now


def _let_go(found: SeenCluster) -> list[st.Step]:
    """Whoever was left waiting when leaders were being changed waits no longer: what is left to do
    may begin with something that takes long."""
    held = [path for path in found.pools if _is_held(path, found.seen.now)]
    return [*st.at_once(st.Release(path) for path in held)]


def _is_held(path: str, now: Observation) -> bool:
    name, _, pool = path.partition("/")
    host = now.host(name)
    return host is not None and any(held == pool for held, _ in host.held)


def switched_over(leader: str, to: str, pools: tuple[str, ...], terms: Terms) -> list[st.Step]:
    """Another member leads, in order; requests in front of these pools wait meanwhile."""
    first = [cluster.AwaitMember(to, leader, in_sync=True)]
    last = [cluster.AwaitMember(leader, to)]
    if not pools:
        return [*first, cluster.SwitchOver(leader, to), *last]
    held, *others = pools
    return [
        *first,
        *st.at_once(st.Settle(path, crossing.SETTLE_SECONDS) for path in pools),
        # As late as possible: what is written after it, the stop has to write.
        st.Checkpoint((leader, to)),
        st.Hold(held, terms.max_hold_seconds, terms.max_postpone_seconds, others=tuple(others)),
        cluster.SwitchOver(leader, to, terms.max_hold_seconds),
        *st.at_once(st.Release(path) for path in pools),
        *last,
    ]


def _out_of_care(found: SeenCluster, goal: Goal, terms: Terms) -> tuple[list[st.Step], Seen]:
    """Whoever is in Patroni's care leaves it, the leader last; and what will be seen then.

    One that the goal does not have is stopped before: alone with Patroni it would come to lead.
    """
    seen = found.seen
    now, databases = seen.now, dict(seen.databases)
    kept = [path for path in databases if _is_entrusted(now, path)]
    leader = crossing.require_leader(databases)
    if leader.path not in kept:
        return [], seen
    (wanted,) = goal.leaders.values()
    units = {u.path: u for u in members(goal.topology)}
    steps: list[st.Step] = []
    if leader.path != wanted:
        steps += switched_over(leader.path, wanted, found.pools, terms)
        databases[leader.path] = replace(leader, role="follower", slots=frozenset())
        databases[wanted] = replace(databases[wanted], role="leader")
    for path in kept:
        if path == wanted:
            continue
        if path not in units:
            steps.append(st.StopUnit(path))
            now = _without(now, path)
            continue
        node = crossing.node_of(units[path])
        if node not in databases[wanted].slots:
            steps.append(st.EnsureSlot(wanted, node))
            slots = databases[wanted].slots | {node}
            databases[wanted] = replace(databases[wanted], slots=slots)
        steps.append(cluster.LeaveCluster(path, wanted))
        now = _became(now, units[path], goal)
    steps.append(cluster.ReleaseDatabase(wanted))
    return steps, Seen(_became(now, units[wanted], goal), databases)


def _forgotten(found: SeenCluster, goal: Goal) -> list[st.Step]:
    """Data of etcd members that are given up on hosts that stay: no later cluster may find it."""
    wanted = {m.path for m in goal.topology.of(EtcdSettings)}
    stays = {h.name for h in goal.topology.hosts}
    left = sorted(found.etcd_data - wanted)
    return [cluster.RemoveEtcd(path) for path in left if path.partition("/")[0] in stays]


def prepared_on(now: Observation, goal: Goal, leader: str) -> Observation:
    """Roles are prepared where they can be written, and what one member has all have."""
    paths = (unit.path for unit in members(goal.topology))
    if not any(now.prepared.get(path) == goal.prepared.get(path, "") for path in paths):
        return now
    return replace(now, prepared={**now.prepared, leader: goal.prepared.get(leader, "")})


def _in_care(now: Observation, path: str) -> bool:
    unit = now.unit(path)
    known = unit is not None and unit.fingerprint is not None  # else it was about to leave
    return known and _is_entrusted(now, path) and unit is not None and unit.state in LIVE


def _is_entrusted(now: Observation, path: str) -> bool:
    """Whether it is to be in Patroni's care, also where Patroni does not come up."""
    unit = now.unit(path)
    return unit is not None and unit.engine == PATRONI


def _became(now: Observation, unit: Unit, goal: Goal) -> Observation:
    """The observation with this unit as the goal wants it."""
    digest = goal.fingerprints.get(unit.path)
    made = ObservedUnit(unit.name, unit.engine, "running", fingerprint=digest)
    now = _without(now, unit.path)
    host = now.host(unit.host)
    return _put(now, unit.host, (*(host.units if host else ()), made))


def _without(now: Observation, path: str) -> Observation:
    name, _, unit = path.partition("/")
    host = now.host(name)
    units = host.units if host else ()
    return _put(now, name, tuple(u for u in units if u.name != unit))


def _put(now: Observation, name: str, units: tuple[ObservedUnit, ...]) -> Observation:
    known = now.host(name) or ObservedHost(name, "", "running")
    others = tuple(h for h in now.hosts if h.name != name)
    return replace(now, hosts=(*others, replace(known, agent="running", units=units)))
