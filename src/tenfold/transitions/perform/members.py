"""Databases in Patroni's care, as they are seen on the way between stage 100 and 1k."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tenfold.engines.patroni import probe
from tenfold.engines.patroni.dynamic import member_slot
from tenfold.engines.patroni.probe import WORKS, ClusterView, MemberState
from tenfold.engines.protocol import Scene
from tenfold.errors import NotBegun, StepFailed, TargetError
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, UnitOrder
from tenfold.topology.settings import EndpointSettings, PatroniSettings
from tenfold.transitions.crossing import members
from tenfold.transitions.perform.world import World

LOOK_EVERY_SECONDS = 0.2
LOOKS_AGAIN = "tenfold resume    looks again, and goes on from there"


def care_of(path: str, world: World) -> tuple[Unit, Scene]:
    """A unit as it is at stage 1k, and its scene there."""
    blueprint = world.care or world.blueprint
    unit = blueprint.topology.member(path)
    assert isinstance(unit, Unit)
    return unit, blueprint.scene(unit)


def in_care(unit: Unit, world: World) -> bool:
    """Whether its host's agent has it in Patroni's care."""
    agent = world.target.reach(unit.host)
    seen = None if agent is None else agent.observe().unit(unit.name)
    return seen is not None and seen.engine == "patroni"


def others_in_care(unit: Unit, world: World) -> bool:
    """Whether any other database is."""
    blueprint = world.care or world.blueprint
    return any(m.path != unit.path and in_care(m, world) for m in members(blueprint.topology))


def member_of(unit: Unit, scene: Scene) -> MemberState | None:
    """The unit as a member of the cluster, as its own Patroni sees it."""
    found = view_from(unit, scene)
    return None if found is None else found.member(unit.host)


def leads(unit: Unit, scene: Scene) -> bool:
    """Whether its Patroni says that it leads."""
    found = view_from(unit, scene)
    leader = None if found is None else found.leader
    return leader is not None and leader.name == unit.host and leader.state in WORKS


def require_leads(path: str, world: World) -> None:
    """See that this database leads right now, by its own Patroni.

    Raises:
        NotBegun: another one does, or none.
        TargetError: it does not answer.
    """
    unit, scene = care_of(path, world)
    other = leads_instead(unit, probe.observe(unit, scene))
    if other is not None:
        raise NotBegun(other, next=LOOKS_AGAIN)


def leads_instead(unit: Unit, found: ClusterView) -> str | None:
    """Who leads instead of this database, as a sentence; ``None`` where it does. Pure."""
    leader = found.leader
    if leader is not None and leader.name == unit.host and leader.state in WORKS:
        return None
    who = "no database" if leader is None or leader.name == unit.host else leader.name
    return f"{unit.path} does not lead any more: {who} does"


def view_from(unit: Unit, scene: Scene) -> ClusterView | None:
    """The cluster; ``None`` while its Patroni has just been started, and answers nobody."""
    try:
        return probe.observe(unit, scene)
    except TargetError:
        return None


def does_without(unit: Unit, names: str, found: ClusterView) -> bool:
    """Whether no commit waits for this member, and it has said that none is to.

    Args:
        unit: the member.
        names: the leader's ``synchronous_standby_names``.
        found: the cluster, as the leader's Patroni sees it.
    """
    known = found.member(unit.host)
    told = known is None or known.excused
    return told and member_slot(unit.host) not in names and unit.host not in found.in_sync


class Steadily:
    """Whether something holds for so many seconds without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def holds(self, now_so: bool, now: float) -> bool:
        """Look once more: whether it is so now, at this moment of a clock that nobody sets."""
        if not now_so:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        return now - self._since >= self._seconds


def files_of(member: Unit | Pool, world: World) -> tuple[File, ...]:
    """A member's files as they are to lie there now. A database endpoint's lead to whoever leads:
    what units are made from does not say who that is, and a failover keeper follows it meanwhile.
    Where nobody can say who leads, those that lie there already are left out.
    """
    return _files(member, world)[0]


def written(member: Unit | Pool, world: World) -> UnitOrder:
    """Have a member's files lie there; gives the order to run it from them.

    Where some were left out it has no fingerprint: no plan takes it for what the goal wants, and
    one that knows who leads writes them.
    """
    files, whole = _files(member, world)
    world.own_sockets(member.host).write(files)
    order = world.blueprint.order(member)
    return order if whole else replace(order, fingerprint=None)


def _files(member: Unit | Pool, world: World) -> tuple[tuple[File, ...], bool]:
    """See :func:`files_of`; and whether these are all."""
    blueprint = world.blueprint
    files = blueprint.render(member)[0]
    if not isinstance(member.settings, EndpointSettings):
        return files, True
    cluster = member.settings.cluster
    units = [u for u in blueprint.topology.of(PatroniSettings) if _cluster(u) == cluster]
    if not units:
        return files, True
    led = _led(units, world)
    if led is not None:
        blueprint = replace(blueprint, leaders={**blueprint.leaders, cluster: led})
        return blueprint.render(member)[0], True
    agent = world.agent(member.host)
    missing = tuple(file for file in files if not _is_there(file.path, agent))
    return missing, len(missing) == len(files)


def _led(units: Sequence[Unit | Pool], world: World) -> str | None:
    """Which of these, all of one cluster in Patroni's care, leads; ``None`` if nobody can say."""
    found = probe.first_view((unit, world.blueprint.scene(unit)) for unit in units)
    if found is None or found.leader is None:
        return None
    return next((unit.path for unit in units if unit.host == found.leader.name), None)


def _is_there(path: str, agent: HostAgent) -> bool:
    looked = agent.run(Command(("test", "-e", path), within_seconds=5.0, thorough=False))
    return looked.code == 0


def _cluster(unit: Unit | Pool) -> str:
    assert isinstance(unit.settings, PatroniSettings)
    return unit.settings.cluster


def until(condition: Callable[[], bool], within_seconds: float, subject: str) -> None:
    """Wait for a condition. Raises ``StepFailed`` when the time is up."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise StepFailed(
                f"waited {within_seconds:g} s for {subject}",
                next="tenfold logs postgres etcd    shows what they say",
            )
        time.sleep(LOOK_EVERY_SECONDS)
