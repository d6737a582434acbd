"""Topology: membership as one immutable value.

Which regions, zones, hosts, units and pools there shall be. Never who leads, how many replicas run
now or which pid has what: that is :mod:`tenfold.topology.observation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tenfold.topology.settings import Settings

APP: Final = "app"
"""What every pool is called that serves requests."""


class InvalidTopology(ValueError):
    """A topology that breaks an invariant; a fault of the code that built it, not of the user."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine, or on the local target an agent with a directory and an address of its own."""

    name: str
    zone: str = "a"
    region: str = "local"
    target: str = "local"
    cores: int = 1
    memory_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Unit:
    """One supervised process of one engine on one host.

    ``after`` names units or pools on the same host that must be ready before this one starts.
    ``outlives`` names those that do not wait for it, and stop before it where all stop.
    """

    name: str
    engine: str
    host: str
    settings: Settings
    after: tuple[str, ...] = ()
    outlives: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """``host/unit``: the name that is unique in the topology."""
        return f"{self.host}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pool:
    """Interchangeable units of one engine on one host; how many run now is an observation."""

    name: str
    engine: str
    host: str
    settings: Settings
    minimum: int = 1
    maximum: int = 1
    after: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """``host/pool``: the name that is unique in the topology."""
        return f"{self.host}/{self.name}"


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that shall exist for one app at one stage.

    Raises:
        InvalidTopology: from :func:`check`, called on construction.
    """

    app: str
    stage: str
    hosts: tuple[Host, ...]
    units: tuple[Unit, ...] = ()
    pools: tuple[Pool, ...] = field(default=())

    def __post_init__(self) -> None:
        check(self)

    def members(self) -> Iterator[Unit | Pool]:
        """Units, then pools, in the order in which they were declared."""
        yield from self.units
        yield from self.pools

    def host(self, name: str) -> Host:
        """The host of this name; ``KeyError`` if there is none."""
        return {h.name: h for h in self.hosts}[name]

    def on(self, host: str) -> tuple[Unit | Pool, ...]:
        """The units and pools of one host."""
        return tuple(m for m in self.members() if m.host == host)

    def member(self, path: str) -> Unit | Pool:
        """The unit or pool ``host/name``; ``KeyError`` if there is none."""
        return {m.path: m for m in self.members()}[path]

    @property
    def app_pools(self) -> tuple[Pool, ...]:
        """The pools that serve requests: one on every host that has the app."""
        return tuple(p for p in self.pools if p.name == APP)

    @property
    def app_pool(self) -> Pool:
        """The first of them: what is done once for the app is done there; ``KeyError`` if there is
        none."""
        for pool in self.app_pools:
            return pool
        raise KeyError(APP)

    def of(self, settings: type[Settings]) -> tuple[Unit | Pool, ...]:
        """Members whose settings are of this kind: ``of(DatabaseSettings)``."""
        return tuple(m for m in self.members() if isinstance(m.settings, settings))


def start_order(members: tuple[Unit | Pool, ...]) -> tuple[Unit | Pool, ...]:
    """Members of one host such that each comes behind everything in its ``after``.

    Raises:
        InvalidTopology: the dependencies form a circle.
    """
    waiting = {m.name: m for m in members}
    ordered: list[Unit | Pool] = []
    while waiting:
        free = [m for m in waiting.values() if not any(a in waiting for a in m.after)]
        if not free:
            raise InvalidTopology(f"start order is a circle: {', '.join(sorted(waiting))}")
        for member in free:
            ordered.append(waiting.pop(member.name))
    return tuple(ordered)


def check(topology: Topology) -> None:
    """The invariants: unique names, known hosts and dependencies, sane pools, no circles."""
    hosts = [h.name for h in topology.hosts]
    paths = [m.path for m in topology.members()]
    for name, count in Counter(hosts + paths).items():
        if count > 1:
            raise InvalidTopology(f"{name} appears {count} times")
    for member in topology.members():
        if member.host not in hosts:
            raise InvalidTopology(f"{member.path} is on a host that does not exist")
        for other in member.after:
            if f"{member.host}/{other}" not in paths:
                raise InvalidTopology(f"{member.path} comes after {other}, which does not exist")
    for pool in topology.pools:
        if not 0 <= pool.minimum <= pool.maximum or pool.maximum < 1:
            raise InvalidTopology(f"{pool.path} has {pool.minimum} to {pool.maximum} units")
    for host in hosts:
        start_order(topology.on(host))
