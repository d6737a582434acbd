"""The move between stage 100 and 1k: what is seen of etcd and of Patroni, and the plan from there.

Who leads among databases in Patroni's care is what Patroni says, not what their disks do: a former
leader's disk says that it leads until it has been made to follow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from tenfold.deployment import work
from tenfold.deployment.databases import observe_databases
from tenfold.deployment.leading import (
    awaited_by,
    etcd_state,
    leading_alone,
    stops_without_follower,
    view_of,
)
from tenfold.engines.etcd.probe import has_lost_data
from tenfold.engines.etcd.render import founded
from tenfold.engines.patroni import probe
from tenfold.errors import Refused, TargetError
from tenfold.stages.path import BY_ITSELF, FAILS_OVER
from tenfold.topology import drained
from tenfold.topology.model import Unit
from tenfold.topology.observation import Observation
from tenfold.topology.process import Command
from tenfold.topology.settings import EtcdSettings, PatroniSettings
from tenfold.transitions import clustering, crossing, hosting
from tenfold.transitions.clustering import PATRONI, SeenCluster
from tenfold.transitions.copies import not_compared

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.engines.patroni.probe import ClusterView, MemberState
    from tenfold.topology.databases import ObservedDatabase
    from tenfold.transitions.blueprint import Blueprint
    from tenfold.transitions.planner import Goal

STAGE = "1k"
FULL: Final = 32 << 20
"""Bytes: less room than this for a database's log, which grows by files of 4 MiB, is none."""
FOLLOWS = ("streaming", "in archive recovery")


@dataclass(frozen=True, slots=True)
class DatabaseStanding:
    """One member. ``state`` is Patroni's word, ``behind_bytes`` what it has not received."""

    host: str
    leads: bool
    in_sync: bool
    state: str
    behind_bytes: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads, who else may without a commit being lost, and how many of etcd's members agree
    on that, of how many; hosts by name. ``away`` are databases that do not follow, though they
    should; ``full`` those whose disk has no room. ``etcd`` maps each member's host to whether it
    agrees; ``lost_etcd`` are those whose member has lost its data. ``stops``: writes stop while
    nobody is in sync. ``drained`` are hosts that were taken out, ``emptied`` those of them whose
    data was given up; ``cut_off`` is the command on a host that is not over, and at which nobody
    is.

    ``told_by``: whose word ``in_sync`` is. Where it is the leader's own, as etcd has no majority,
    ``waits`` says whether its commits wait for anybody, and what they wait for stays as it is."""

    leader: str | None
    in_sync: tuple[str, ...]
    etcd_agree: int
    etcd_members: int
    away: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    databases: tuple[DatabaseStanding, ...] = ()
    etcd: Mapping[str, bool] = field(default_factory=dict)
    drained: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    cut_off: str | None = None
    lost_etcd: tuple[str, ...] = ()
    stops: bool = False
    told_by: Literal["etcd", "leader", "nobody"] = "etcd"
    waits: bool = True

    @property
    def rule(self) -> str:
        """Whom a commit waits for, and what comes if those are lost."""
        if self.told_by != "etcd":
            return self._rule_of_the_leader()
        if not self.in_sync:
            nobody = "until another database has all" if self.stops else "for nobody"
            return f"commits wait {nobody}"
        lost = "all are lost" if len(self.in_sync) > 1 else "it is lost"
        then = f"none is acknowledged if {lost}" if self.stops else f"alone if {lost}"
        return f"commits wait for {self._awaited}; {then}"

    def _rule_of_the_leader(self) -> str:
        """Without etcd nobody gives up a follower that is lost; and the leader stops writing then,
        since it goes on only while all of the others agree to that (Patroni's failsafe mode)."""
        if self.told_by == "nobody":
            return "whom commits wait for is not known: nobody who could say so answers"
        if not self.waits:
            return "commits wait for nobody"
        until = "until etcd answers again"
        if not self.in_sync:
            return f"commits wait for a database that does not follow, {until}"
        several = len(self.in_sync) > 1
        lost = "one of them is lost" if several else "it is lost"
        return f"commits wait for {self._awaited}; none is acknowledged if {lost}, {until}"

    @property
    def _awaited(self) -> str:
        whichever = ", whichever is quicker" if len(self.in_sync) > 1 else ""
        return " or ".join(self.in_sync) + whichever

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is not as it should be, as sentences."""
        return tuple(self._troubles())

    def _troubles(self) -> Iterator[str]:
        elects = 2 * self.etcd_agree > self.etcd_members
        if self.leader is None:
            yield "no database leads just now: whatever needs it waits until another one does"
        if not elects:
            yield (
                f"etcd has no majority, {self.etcd_agree} of {self.etcd_members} agree: whoever"
                " leads goes on, and nobody can take its place"
            )
        elif self.told_by != "etcd" and self.waits:
            pass  # Whom commits wait for was not forgotten: the rule says it.
        elif self.leader is not None and not self.in_sync and self.stops:
            yield (
                f"{self.leader} takes no writes: no other database has all that it wrote, and"
                ' [database] without_follower is "stop"'
            )
        elif self.leader is not None and not self.in_sync:
            yield (
                f"{self.leader} acknowledges alone: no other database has all that it wrote, so"
                " none could take its place"
            )
        for name in self.away:
            yield (
                f"the database of {name} does not follow: tenfold logs postgres says why; if it"
                f" cannot, tenfold host replace {name}"
            )
        for name in self.lost_etcd:
            yield (
                f"etcd of {name} has lost its data, and does not start without them:"
                f" tenfold host replace {name}    has it join anew"
            )
        for name in self.full:
            yield f"the disk of {name} is full: make room there, what needs some fails until then"


def standing(deployment: Deployment) -> Standing:
    """How a database stands that fails over by itself, and its hosts.

    Raises:
        TenfoldError: the file or the machine does not allow to look.
    """
    facts = deployment.facts()
    return replace(
        _standing(deployment),
        drained=tuple(facts.get(drained.FACT) or ()),
        emptied=tuple(facts.get(drained.EMPTIED) or ()),
        cut_off=_cut_off(deployment),
    )


def _cut_off(deployment: Deployment) -> str | None:
    move = hosting.from_json(deployment.facts().get(hosting.FACT))
    if move is None or deployment.lock.holder() is not None:
        return None
    return f"tenfold host {move.does} {move.host}"


def _standing(deployment: Deployment) -> Standing:
    now, here = deployment.observe(silent=True), deployment.position
    # On the way it is in Patroni's care as it will be, or was, where that is reached.
    position = here if here in BY_ITSELF else STAGE
    intent = work.intend(deployment, release=now.release, position=position)
    blueprint, full = intent.blueprint, full_hosts(now)
    view = view_of(blueprint)
    etcd_members = len(blueprint.topology.of(EtcdSettings))
    found = etcd_state(blueprint)
    members = {m.host: m.answers and m.has_leader for m in found.members}
    agree = sum(members.values())
    hosts = [member.host for member in intent.goal.topology.of(PatroniSettings)]
    lost = tuple(_lost_etcd(intent, [name for name, agrees in members.items() if not agrees]))
    if view is None or not found.quorum:  # what Patroni knows of others is as old as etcd's word
        alone = leading_alone(blueprint)
        word = None if alone is None else awaited_by(alone, blueprint)
        return Standing(
            alone,
            () if word is None else tuple(host for host in hosts if host in word.in_sync),
            agree,
            etcd_members,
            full=full,
            etcd=members,
            lost_etcd=lost,
            stops=stops_without_follower(blueprint, asks=False),
            told_by="nobody" if word is None else "leader",
            waits=word is None or word.waits,
        )
    follow = {m.name for m in view.members if m.role == "follower" and m.state in FOLLOWS}
    leader = None if view.leader is None else view.leader.name
    away = tuple(host for host in hosts if host != leader and host not in follow)
    databases = tuple(map(_standing_of, view.members))
    return Standing(
        leader,
        view.in_sync,
        agree,
        etcd_members,
        away,
        full,
        databases=databases,
        etcd=members,
        lost_etcd=lost,
        stops=stops_without_follower(blueprint),
    )


def _is_apart(path: str, now: Observation) -> bool:
    """Whether a database is not in Patroni's care yet, or not any more."""
    return _engine(path, now) not in ("", PATRONI)


def full_hosts(now: Observation) -> tuple[str, ...]:
    """The hosts whose disk has next to no room, be it a database's, an app's or etcd's alone; of
    one that does not answer nobody knows."""
    return tuple(h.name for h in now.hosts if h.free_bytes is not None and h.free_bytes < FULL)


def _lost_etcd(intent: Intent, silent: Collection[str]) -> Iterator[str]:
    """Of these hosts, those whose member of etcd has lost its data."""
    for unit in intent.goal.topology.of(EtcdSettings):
        lost = has_lost_data(intent.blueprint.scene(unit))
        with suppress(TargetError):
            agent = intent.target.reach(unit.host) if unit.host in silent else None
            if agent is not None and agent.run(lost).code == 0:
                yield unit.host


def _standing_of(member: MemberState) -> DatabaseStanding:
    leads = member.role == "leader"
    return DatabaseStanding(member.name, leads, member.in_sync, member.state, member.lag_bytes)


def covers(deployment: Deployment, name: str) -> bool:
    """Whether the way to this position is one of the move between stage 100 and 1k."""
    under_way = deployment.crossing
    ends = () if under_way is None else (under_way.home, under_way.goal)
    return name in FAILS_OVER or deployment.position in FAILS_OVER or STAGE in ends


def care_of(deployment: Deployment, intent: Intent) -> Blueprint:
    """Where Patroni and etcd are at stage 1k, whatever the intent is about."""
    if intent.goal.topology.of(PatroniSettings):
        return intent.blueprint
    release = intent.goal.release
    return work.intend(deployment, release=release, position=STAGE).blueprint


def look(deployment: Deployment, intent: Intent, care: Blueprint) -> SeenCluster:
    """What there is now.

    Raises:
        Refused: no database leads.
        TargetError: an agent broke off.
    """
    now = deployment.observe(intent.target)
    copies = not_compared(deployment.facts())
    databases = observe_databases(intent, clustered=True, not_compared=copies)
    kept = [path for path in databases if _engine(path, now) == PATRONI]
    view = _view(kept, care)
    if view is not None:
        databases = _by_patroni(databases, kept, view)
    return SeenCluster(
        crossing.Seen(now, databases),
        journal=clustering.etcd_of(care.topology) if deployment.journal.place else None,
        agrees=_agrees(now, care),
        synchronous=view is not None and len(view.in_sync) >= _wanted(care),
        etcd_data=_with_data(intent, care),
        in_sync=() if view is None else view.in_sync,
        leader=None if view is None or view.leader is None else view.leader.name,
        pools=tuple(p.path for p in crossing.serving(care.topology.app_pools, now)),
    )


def expected(goal: Goal) -> SeenCluster:
    """What will be seen once a goal is reached."""
    members = frozenset(m.path for m in goal.topology.of(EtcdSettings))
    care = bool(goal.topology.of(PatroniSettings))
    return SeenCluster(
        crossing.reached(goal),
        journal=clustering.etcd_of(goal.topology) if care else None,
        agrees=bool(members),
        synchronous=care,
        etcd_data=members,
        pools=tuple(pool.path for pool in goal.topology.app_pools) if care else (),
    )


def _view(kept: list[str], care: Blueprint) -> ClusterView | None:
    """The cluster as whoever answers first sees it; ``None`` where nobody does.

    Raises:
        Refused: somebody does, and nobody leads.
    """
    for path in kept:
        unit = care.topology.member(path)
        try:
            found = probe.observe(unit, care.scene(unit))
        except TargetError:
            continue
        if found.leader is None:
            raise Refused(
                "no database leads just now: Patroni has not chosen another one yet",
                changed="nothing",
                next="tenfold status    says when one does; then give the command again",
            )
        return found
    return None


def _by_patroni(
    databases: Mapping[str, ObservedDatabase], kept: list[str], view: ClusterView
) -> dict[str, ObservedDatabase]:
    assert view.leader is not None
    found = dict(databases)
    for path in kept:
        if found[path].role in ("absent", "unknown"):
            continue
        leads = path.partition("/")[0] == view.leader.name
        found[path] = replace(found[path], role="leader" if leads else "follower")
    return found


def _agrees(now: Observation, care: Blueprint) -> bool:
    members = care.topology.of(EtcdSettings)
    if not any(_engine(m.path, now) == "etcd" for m in members):
        return False
    return etcd_state(care).quorum


def _wanted(care: Blueprint) -> int:
    settings = care.topology.of(PatroniSettings)[0].settings
    assert isinstance(settings, PatroniSettings)
    return settings.synchronous_nodes


def _with_data(intent: Intent, care: Blueprint) -> frozenset[str]:
    """The members of etcd that have data, or are noted to have had, where that can be asked."""
    found = set()
    for member in care.topology.of(EtcdSettings):
        assert isinstance(member, Unit)
        if member.host not in intent.target.hosts():
            continue
        agent = intent.target.reach(member.host)
        scene = care.scene(member)
        left = [Command(("test", "-e", p)) for p in (scene.place.data, founded(scene))]
        if agent is not None and any(agent.run(one).code == 0 for one in left):
            found.add(member.path)
    return frozenset(found)


def _engine(path: str, now: Observation) -> str:
    unit = now.unit(path)
    return "" if unit is None else unit.engine
