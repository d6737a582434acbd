"""The planner of crossings: from what is to a position on the path between two stages. Pure.

As in :mod:`tenfold.transitions.planner`, a prefix of a plan may be carried out and the rest
forgotten; planning again from there gives the remainder. Two more invariants:

- at every moment at most one database accepts writes: a leader is fenced, verifiably and durably,
  before its successor is promoted, and unfenced only where the successor verifiably was not;
- before the switch is made, and again before the old side is given up, the way back exists.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tenfold.errors import Refused
from tenfold.topology.databases import ObservedDatabase, TwoLeaders, leader_of
from tenfold.topology.model import Pool, Topology, Unit, start_order
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions import steps as st
from tenfold.transitions import workers
from tenfold.transitions.planner import (
    LIVE,
    Goal,
    Plan,
    plan_generations,
    plan_roles,
    plan_unit,
    superfluous,
    wanted_workers,
)

SETTLE_SECONDS = 6.0
"""The edge lets go of idle connections after 2 s; whatever else is connected gets a little more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a crossing is made.

    ``warm_first``: the new workers are warmed on the follower, before the hold; an app that writes
    when it starts cannot, and is warmed while requests wait.
    """

    max_hold_seconds: float = 5.0
    max_postpone_seconds: float = 600.0
    max_catch_up_seconds: float = 1800.0
    warm_first: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What was observed; ``databases`` by path, in the names of the goal's topology where it has
    them."""

    now: Observation
    databases: Mapping[str, ObservedDatabase]


def plan(kind: str, seen: Seen, goal: Goal, terms: Terms) -> Plan:
    """The steps to ``goal``; empty when they are the same already.

    Raises:
        Refused: no database leads or led last, or more than one accepts writes.
    """
    (wanted,) = goal.leaders.values()
    present = require_leader(seen.databases)
    move = _Move(seen, goal, terms, present, seen.databases[wanted])
    steps = move.hosts() + move.leader()
    if move.switches:
        steps += move.followers() + move.switch()
    else:  # whoever waits comes first
        steps += move.same_leader() + move.followers()
    return Plan(kind, tuple(steps + move.work() + move.aftermath()))


@dataclass(frozen=True, slots=True)
class _Move:
    """One plan in the making: from ``present``, who leads or was fenced last, to ``wanted``."""

    seen: Seen
    goal: Goal
    terms: Terms
    present: ObservedDatabase
    wanted: ObservedDatabase

    @property
    def switches(self) -> bool:
        return self.present.path != self.wanted.path

    @property
    def fenced(self) -> bool:
        """Whether the one that led was fenced to the end: it is not to run any more. One that is
        declared still comes back read-only, and what it wrote last is then not known; it leads
        again first."""
        return self.present.role == "fenced" and self.seen.now.unit(self.present.path) is None

    @property
    def pools(self) -> tuple[Pool, ...]:
        return self.goal.topology.app_pools

    def hosts(self) -> list[st.Step]:
        """Agents first, of hosts that are there and of those to come."""
        absent = [h.name for h in self.goal.topology.hosts if not self._runs(h.name)]
        return [st.EnsureHost(name) for name in absent]

    def leader(self) -> list[st.Step]:
        """Have the present leader run as the goal says; one that was fenced for nothing lead."""
        path = self.present.path
        steps: list[st.Step] = []
        if self.present.role == "fenced":
            if self.switches and self.fenced:
                return []
            steps += [st.Unfence(path, self._other(path)), st.StartUnit(path)]
            return steps
        if self._has(path):
            return self._unit(self._member(path))
        return [] if self._lives(path) else [st.StartUnit(path)]

    def followers(self) -> list[st.Step]:
        """Have every other member of the goal follow; a new one is compared with its leader, last:
        whoever is interrupted before does that again."""
        steps: list[st.Step] = []
        leader = self.present
        for unit in members(self.goal.topology):
            if unit.path == leader.path:
                continue
            if self.fenced:
                steps += self._unit(unit)
                continue
            follower = self.seen.databases[unit.path]
            new = follower.role == "absent"
            if new:
                steps.append(st.Check(leader.path, unit.path))
            if node_of(unit) not in leader.slots:
                steps.append(st.EnsureSlot(leader.path, node_of(unit)))
            if follower.role == "fenced":
                steps.append(st.Follow(unit.path, leader.path))
                continue
            steps += self._unit(unit)
            if new or not follower.compared:
                steps.append(self._catch_up(unit.path))
                trial = self.goal.topology.app_pool.path
                steps.append(st.TrialStart(trial, unit.path, self._release))
                steps.append(st.Verify(unit.path, leader.path))
        return steps

    def switch(self) -> list[st.Step]:
        """Make the wanted database lead, with workers that are wired to it."""
        old, new = self.present.path, self.wanted.path
        fenced = self.fenced
        steps: list[st.Step] = []
        if not fenced:
            steps += [st.Check(old, new), self._catch_up(new)]
        steps += self._others()
        handovers, warm = self._generations(self.pools)
        steps += warm if self.terms.warm_first else ()
        steps += self._rest_workers()
        if not fenced:
            # The checkpoint as late as possible: what is written after it, the stop has to write.
            steps += settle(self.pools)
            steps.append(st.Checkpoint((old, new)))
        if held := serving(self.pools, self.seen.now):
            bounds = self.terms.max_hold_seconds, self.terms.max_postpone_seconds
            steps.append(hold(held, *bounds, in_vain=fenced))
        if not fenced:
            steps.append(st.Fence(old, new))
        steps += [st.AwaitLast(new, old), st.Promote(new, old)]
        steps += () if self.terms.warm_first else warm
        steps += handovers
        if self._has(old):
            steps.append(st.EnsureSlot(new, node_of(self._member(old))))
            steps.append(st.Follow(old, new))
        return steps

    def work(self) -> list[st.Step]:
        """Have the background workers be wired to who leads then, and work."""
        wanted = self._wanted_workers()
        if self.switches:
            wanted = workers.rested(wanted)
        changes = tuple(workers.change(w) for w in wanted)
        return workers.before(changes) + workers.after(changes)

    def same_leader(self) -> list[st.Step]:
        """Who shall lead does: have the workers be wired to it, and accept."""
        steps = self._others()
        late: list[Pool] = []
        for pool in self.pools:
            units = workers.observed(pool, self.seen.now)
            digest = self.goal.fingerprints.get(pool.path)
            right = [u for u in units if u.state in (*LIVE, "holding") and u.fingerprint == digest]
            if len(right) < pool.minimum:
                late.append(pool)
                continue
            if any(u.state == "holding" for u in right) or self._is_held(pool):
                steps.append(st.Release(pool.path))
            stale = sorted({u.generation for u in units} - {u.generation for u in right})
            steps += [st.DiscardGeneration(pool.path, g) for g in stale]
        handovers, warm = self._generations(late)
        return [*steps, *warm, *handovers]

    def aftermath(self) -> list[st.Step]:
        """Roles on whoever leads now, and nothing that the goal does not have."""
        roles = plan_roles(self._member(self.wanted.path), self.seen.now, self.goal)
        return roles + self._superfluous()

    def _superfluous(self) -> list[st.Step]:
        kept = {h.name for h in self.goal.topology.hosts}
        steps = superfluous(self.seen.now, self.goal)
        nodes = {node_of(u) for u in members(self.goal.topology)}
        for node in sorted(self.wanted.slots - nodes):
            steps.append(st.DropSlot(self.wanted.path, node))
        for path, database in self.seen.databases.items():
            if self._has(path) or (database.role == "absent" and not database.removed):
                continue
            host_name = path.partition("/")[0]
            steps += [st.RemoveData(path)] if host_name in kept else []
        steps += [st.RemoveHost(host.name) for host in self.seen.now.hosts if host.name not in kept]
        return steps

    def _others(self) -> list[st.Step]:
        """Units that are neither databases nor workers: the edge, the endpoint."""
        steps: list[st.Step] = []
        for host in self.goal.topology.hosts:
            for member in start_order(self.goal.topology.on(host.name)):
                if isinstance(member, Unit) and not isinstance(member.settings, DatabaseSettings):
                    steps += self._unit(member)
        return steps

    def _wanted_workers(self) -> tuple[workers.Wanted, ...]:
        return wanted_workers(self._release, self.seen.now, self.goal)

    def _rest_workers(self) -> tuple[st.Step, ...]:
        """Nobody writes beside the app while it is held; whoever has a long job is waited for."""
        bound = self.terms.max_postpone_seconds
        return st.at_once(
            st.RestWorkers(w.pool.path, postpone_seconds=bound)
            for w in self._wanted_workers()
            if any(u.state not in workers.AT_REST for u in w.units)
        )

    def _generations(
        self, pools: Sequence[Pool]
    ) -> tuple[tuple[st.Step, ...], tuple[st.Step, ...]]:
        return plan_generations(pools, self.seen.now, self.goal, self._release, ("warm",))

    def _unit(self, unit: Unit) -> list[st.Step]:
        return list(plan_unit(unit, self.seen.now.host(unit.host), self.goal))

    def _catch_up(self, follower: str) -> st.CatchUp:
        return st.CatchUp(follower, self.present.path, self.terms.max_catch_up_seconds)

    @property
    def _release(self) -> str:
        release = self.goal.release
        assert release is not None, "a crossing moves an app that has served"
        return release

    def _is_held(self, pool: Pool) -> bool:
        host = self.seen.now.host(pool.host)
        return host is not None and any(name == pool.name for name, _ in host.held)

    def _runs(self, name: str) -> bool:
        host = self.seen.now.host(name)
        return host is not None and host.agent == "running"

    def _lives(self, path: str) -> bool:
        unit = self.seen.now.unit(path)
        return unit is not None and unit.state in LIVE

    def _has(self, path: str) -> bool:
        return any(m.path == path for m in members(self.goal.topology))

    def _member(self, path: str) -> Unit:
        return next(m for m in members(self.goal.topology) if m.path == path)

    def _other(self, path: str) -> str:
        """The one that a fenced database was to be succeeded by."""
        others = [p for p, d in self.seen.databases.items() if p != path and d.role != "absent"]
        return others[0] if others else ""


def require_leader(databases: Mapping[str, ObservedDatabase]) -> ObservedDatabase:
    """Who leads, or did until it was fenced: what every move begins with.

    Raises:
        Refused: nobody; or more than one accepts writes.
    """
    try:
        found = leader_of(databases)
    except TwoLeaders as error:
        raise _both(databases, str(error)) from error
    if found is None:
        told = ", ".join(f"{d.path} {_STANDS.get(d.role, d.role)}" for d in databases.values())
        follow = [d for d in databases.values() if d.role == "follower"]
        by_hand = [f"rm {_signal(d)}    on {_host(d)}: {d.path} leads again" for d in follow]
        raise Refused(
            f"no database leads, and none did until it was fenced: {told}",
            changed="nothing; no database accepts writes",
            next="\n".join(
                (
                    "tenfold logs postgres    tells what they say",
                    *(["where one was made to follow by hand, stop it, and:"] if follow else []),
                    *by_hand,
                    *(["then  tenfold resume"] if follow else []),
                    "tenfold db restore       if none can lead any more",
                )
            ),
        )
    return found


def _both(databases: Mapping[str, ObservedDatabase], paths: str) -> Refused:
    leading = [d for d in databases.values() if d.role == "leader"]
    fenced = [d for d in databases.values() if d.role == "fenced"]
    lines = [
        f"echo follows > {_signal(d)}    on {_host(d)}: {d.path} follows" for d in leading or fenced
    ]
    if leading:
        what = f"{paths} both accept writes, by what their disks say"
        changed = "nothing; writes go to the one that the app is wired to"
        which = "stop the other one, keep its data, and make it follow:"
    else:
        what = f"{paths} were both told to accept no more writes, and nobody knows who led last"
        changed = "nothing; no database accepts writes"
        which = "keep the data of both, and make the one follow that did not lead last:"
    first = "tenfold status    tells which unit runs where"
    return Refused(
        what, changed=changed, next="\n".join((first, which, *lines, "then  tenfold resume"))
    )


def _signal(database: ObservedDatabase) -> str:
    return shlex.quote(f"{database.folder}/standby.signal")


def _host(database: ObservedDatabase) -> str:
    return database.path.partition("/")[0]


_STANDS: Final = {"follower": "follows", "absent": "has no data", "unknown": "cannot be asked"}


def settle(pools: Sequence[Pool]) -> tuple[st.Step, ...]:
    """Have idle connections to these pools run out, at the same time."""
    return st.at_once(st.Settle(pool.path, SETTLE_SECONDS) for pool in pools)


def hold(
    pools: Sequence[Pool], max_seconds: float, postpone_seconds: float, *, in_vain: bool = False
) -> st.Hold:
    """Let requests wait in front of these pools: of all of them, or of none."""
    first, *others = (pool.path for pool in pools)
    return st.Hold(first, max_seconds, postpone_seconds, in_vain, tuple(others))


def serving(pools: Sequence[Pool], now: Observation) -> tuple[Pool, ...]:
    """Those at which anybody can be made to wait; where the app was stopped nobody can."""
    idle = ("warm", "stopped", "failed")
    return tuple(p for p in pools if any(u.state not in idle for u in workers.observed(p, now)))


def reached(goal: Goal, prepared: Mapping[str, str] | None = None) -> Seen:
    """What will be observed once a goal is reached, so that the way on can be told beforehand.

    ``prepared`` is what is remembered of roles and grants before: of a database that was removed
    it is not forgotten, since the next one in its place is a copy with the roles of its leader.
    """
    hosts = tuple(
        ObservedHost(host.name, "", "running", units=_units_of(host.name, goal))
        for host in goal.topology.hosts
    )
    release = goal.release
    now = Observation(
        hosts,
        release=release,
        served=(release,) if release else (),
        built=(release,) if release else (),
        published=release,
        prepared={
            **(prepared or {}),
            **{p: d for p, d in goal.prepared.items() if p in goal.leaders.values()},
        },
    )
    databases = {
        unit.path: ObservedDatabase(
            unit.path,
            "leader" if goal.leads(unit) else "follower",
            running=True,
            slots=frozenset(
                node_of(other) for other in members(goal.topology) if other.path != unit.path
            )
            if goal.leads(unit)
            else frozenset(),
        )
        for unit in members(goal.topology)
    }
    return Seen(now, databases)


def _units_of(host: str, goal: Goal) -> tuple[ObservedUnit, ...]:
    found: list[ObservedUnit] = []
    for member in goal.topology.on(host):
        digest = goal.fingerprints.get(member.path)
        if isinstance(member, Unit):
            found.append(ObservedUnit(member.name, member.engine, "running", fingerprint=digest))
            continue
        found += [
            ObservedUnit(
                f"{member.name}.1.{index}",
                member.engine,
                "running",
                pool=member.name,
                generation=1,
                release=goal.release,
                fingerprint=digest,
            )
            for index in range(1, member.minimum + 1)
        ]
    return tuple(found)


def members(topology: Topology) -> tuple[Unit, ...]:
    """The database units."""
    return tuple(u for u in topology.units if isinstance(u.settings, DatabaseSettings))


def node_of(unit: Unit) -> int:
    """The number of its data directory."""
    assert isinstance(unit.settings, DatabaseSettings)
    return unit.settings.node
