"""A target in memory: hosts, agents and units without a process. A public fake, not a mock.

It keeps the contract of :mod:`tenfold.targets.protocol` (the contract suite runs on it too), so
that planners, runners and what users build on top is tested in microseconds, faults included::

    target = MemoryTarget(hosts=["vm1"])
    target.fail("start", "edge", UnitFailed("edge did not start"))
    target.agents["vm1"].requests["app"] = (2, 12.3)  # two under way, the oldest for 12.3 s
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenfold.agent.epochs import superseded
from tenfold.errors import StepFailed, TargetError, TenfoldError, UnitFailed
from tenfold.targets.places import Places
from tenfold.targets.protocol import Finished, HostPaths, Progress
from tenfold.topology.model import Host
from tenfold.topology.observation import ObservedHost, ObservedUnit, UnitState
from tenfold.topology.process import Command, File, Launch, Listen, UnitOrder

Clock = Callable[[], float]
CHANGES_NOTHING = ("observe", "metrics", "longest_request", "claim")


@dataclass
class MemoryLife:
    """What the agents of one host share, by whatever name and epoch they were reached.

    ``claimed`` is the highest epoch that was claimed.
    """

    alive: bool = True
    claimed: int = 0
    commands: Callable[[Command], Finished] = lambda command: Finished(0, "")


@dataclass
class MemoryAgent:
    """One host's agent in memory. ``orders`` records every order that it got, in order.

    ``requests`` says of a pool how many requests are under way, and for how many seconds the
    oldest; ``held`` until when it is held, in seconds since the epoch. ``busy`` are background
    units whose jobs never end.
    """

    name: str
    paths: HostPaths
    units: dict[str, ObservedUnit] = field(default_factory=dict)
    launches: dict[str, UnitOrder] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    sockets: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    orders: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[tuple[str, str], TenfoldError] = field(default_factory=dict)
    requests: dict[str, tuple[int, float]] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    epoch: int | None = None
    clock: Clock = time.time
    life: MemoryLife = field(default_factory=MemoryLife)
    _pids: Iterator[int] = field(default_factory=lambda: iter(range(1000, 1_000_000)))

    @property
    def alive(self) -> bool:
        """Whether the agent runs."""
        return self.life.alive

    @property
    def commands(self) -> Callable[[Command], Finished]:
        """What a command does that is run here; to be set."""
        return self.life.commands

    @commands.setter
    def commands(self, commands: Callable[[Command], Finished]) -> None:
        self.life.commands = commands

    def observe(self) -> ObservedHost:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("observe", "")
        return ObservedHost(
            name=self.name,
            address=self.paths.address,
            agent="running",
            agent_pid=1,
            sockets=tuple(sorted(self.sockets.items())),
            units=tuple(self.units.values()),
            held=tuple(self.held.items()),
        )

    def listen(self, listens: Sequence[Listen]) -> Mapping[str, str]:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        for listen in listens:
            self._reached("listen", listen.name)
            if listen.port or listen.name not in self.sockets:
                port = listen.port or 20000 + len(self.sockets)
                self.sockets[listen.name] = f"{listen.address}:{port}"
        return {listen.name: self.sockets[listen.name] for listen in listens}

    def write(self, files: Sequence[File]) -> tuple[str, ...]:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("write", "")
        changed = tuple(f.path for f in files if self.files.get(f.path) != f)
        self.files.update({f.path: f for f in files})
        return changed

    def start(self, order: UnitOrder) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("start", order.name)
        known, before = self.units.get(order.name), self.launches.get(order.name)
        kept = known is not None and (known.pid is None or known.pid != order.instead_of)
        if known and kept and before and _lasts(before.launch, order.launch):
            self.launches[order.name] = order
            self.units[order.name] = replace(
                known,
                fingerprint=order.fingerprint,
                replaced=known.replaced or before.launch != order.launch,
            )
            return
        for socket in order.launch.sockets:
            if socket not in self.sockets:
                raise UnitFailed(f"{order.name} wants socket {socket}, which nobody listens on")
        self._require_alone(order)
        self.launches[order.name] = order
        self.units[order.name] = ObservedUnit(
            name=order.name,
            engine=order.engine,
            state="warm" if order.pool and not order.background else "running",
            pid=next(self._pids),
            endpoint=order.endpoint,
            pool=order.pool,
            generation=order.generation,
            release=order.release,
            fingerprint=order.fingerprint,
            program=order.launch.argv[0],
            programs=order.launch.programs,
            since=self.clock(),
        )

    def entrust(self, order: UnitOrder) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("entrust", order.name)
        if order.name not in self.units:
            raise UnitFailed(f"{order.name} does not run")
        self.start(order)

    def take_back(self, order: UnitOrder, server: str, within_seconds: float) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("take_back", order.name)
        if order.name not in self.units:
            raise UnitFailed(f"{order.name} does not run")
        self.start(order)

    def reload(self, name: str) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("reload", name)
        if name not in self.units:
            raise UnitFailed(f"{name} does not run")

    def stop(self, name: str, within_seconds: float | None = None) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("stop", name)
        self.units.pop(name, None)
        self.launches.pop(name, None)

    def rest(
        self,
        name: str,
        within_seconds: float | None = None,
        *,
        kills: bool,
        lasts_seconds: float | None = None,
    ) -> str:
        """See the protocol. ``busy`` units end only by being killed."""
        self._reached("rest", name)
        unit = self.units.get(name)
        if unit is None:
            return "is not there"
        until = None if lasts_seconds is None else self.clock() + lasts_seconds
        if name in self.busy and not kills:
            self.units[name] = replace(unit, state="draining", rests_until=until)
            raise StepFailed(f"{name} has not finished its jobs within {within_seconds or 0:g} s")
        self.units[name] = replace(unit, state="resting", pid=None, rests_until=until)
        return "was killed" if name in self.busy else "finished its jobs"

    def keep_resting(
        self, pool: str, within_seconds: float | None, *, anew: bool = False
    ) -> tuple[str, ...]:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("keep_resting", pool)
        until = None if within_seconds is None else self.clock() + within_seconds
        for unit in self._members(pool):
            if unit.state == "resting" and (anew or unit.rests_until is not None):
                self.units[unit.name] = replace(unit, rests_until=until)
        return tuple(u.name for u in self._members(pool) if u.state != "resting")

    def wake(self, name: str) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("wake", name)
        unit = self.units.get(name)
        if unit is not None and unit.state in ("resting", "draining"):
            self._require_alone(self.launches[name])
            self._work(unit)

    def handover(self, pool: str, generation: int, progress: Progress | None = None) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("handover", pool)
        members = self._members(pool)
        chosen = [u for u in members if u.generation == generation]
        if not chosen:
            raise UnitFailed(f"pool {pool} has no generation {generation}")
        for unit in chosen:
            self.units[unit.name] = replace(unit, state="running")
        self.held.pop(pool, None)
        if progress:
            progress(f"{pool}: generation {generation} accepts")
        for unit in members:
            if unit.generation != generation:
                if progress:
                    progress(f"{unit.name} drained")
                self.units.pop(unit.name)
                self.launches.pop(unit.name)

    def settle(self, pool: str, within_seconds: float) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("settle", pool)

    def hold(self, pool: str, within_seconds: float, lull_seconds: float = 0.0) -> float:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("hold", pool)
        if not any(u.state in ("running", "holding") for u in self._members(pool)):
            raise UnitFailed(f"{self.name} has no workers of {pool} that accept")
        self.held[pool] = self.clock() + within_seconds
        self._turn(pool, "running", "holding")
        return 0.0

    def drained(self, pool: str, within_seconds: float) -> None:
        """See the protocol. Whatever runs here runs for ever, so it fails without waiting."""
        self._reached("drained", pool)
        if pool not in self.held:
            raise StepFailed(f"{pool} is not held on {self.name}")
        count, oldest_seconds = self.requests.get(pool, (0, 0.0))
        if count:
            raise StepFailed(
                f"{pool} has not finished within {within_seconds:g} s: {count} requests still run, "
                f"the oldest for {oldest_seconds:.1f} s"
            )

    def release(self, pool: str) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("release", pool)
        self._let_go(pool)

    def refresh(self, pool: str, port: int) -> Mapping[str, int]:
        """See the protocol. Whatever runs here has no connections."""
        self._reached("refresh", pool)
        return {"members": len(self._members(pool)), "renewed": 0}

    def longest_request(self, pool: str) -> float:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("longest_request", pool)
        accepting = any(u.state == "running" for u in self._members(pool))
        return self.requests.get(pool, (0, 0.0))[1] if accepting else 0.0

    def claim(self, epoch: int) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("claim", str(epoch))
        self._require(epoch)
        self.life.claimed = epoch

    def run(self, command: Command, output: Callable[[str], None] | None = None) -> Finished:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("run", command.argv[0])
        finished = self.commands(command)
        if output and finished.tail:
            for line in finished.tail.splitlines():
                output(line)
        return finished

    def metrics(self, pool: str) -> Mapping[str, Any]:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("metrics", pool)
        return {"routes": []}

    def shutdown(self) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("shutdown", "")
        self.lose_power()

    def lose_power(self) -> None:
        """Nothing runs any more; files and the claimed epoch stay."""
        self.units.clear()
        self.launches.clear()
        self.sockets.clear()
        self.held.clear()
        self.life.alive = False

    def _reached(self, order: str, name: str) -> None:
        if not self.life.alive:
            raise TargetError(f"the agent of {self.name} does not answer")
        if order not in CHANGES_NOTHING:
            self._require(self.epoch)
        for pool in [p for p, until in self.held.items() if self.clock() >= until]:
            self._let_go(pool)
        for unit in list(self.units.values()):
            if unit.rests_until is not None and self.clock() >= unit.rests_until:
                self._rested(unit)
        self.orders.append((order, name))
        fault = self.faults.pop((order, name), None)
        if fault is not None:
            raise fault

    def _require(self, epoch: int | None) -> None:
        if epoch is not None and epoch < self.life.claimed:
            raise superseded()

    def _members(self, pool: str) -> list[ObservedUnit]:
        return [u for u in self.units.values() if u.pool == pool]

    def _require_alone(self, order: UnitOrder) -> None:
        for other in self._members(order.pool or "") if order.single else ():
            if other.generation != order.generation and other.state != "resting":
                raise StepFailed(f"{order.name} may not work beside {other.name}")

    def _rested(self, unit: ObservedUnit) -> None:
        """Nobody has renewed its rest."""
        others = [u for u in self._members(unit.pool or "") if u.generation != unit.generation]
        if any(u.state != "resting" or u.generation > unit.generation for u in others):
            self.units[unit.name] = replace(unit, rests_until=None)
        else:
            self._work(unit)

    def _work(self, unit: ObservedUnit) -> None:
        self.units[unit.name] = replace(
            unit, state="running", pid=next(self._pids), rests_until=None
        )

    def _let_go(self, pool: str) -> None:
        self.held.pop(pool, None)
        self._turn(pool, "holding", "running")

    def _turn(self, pool: str, before: UnitState, after: UnitState) -> None:
        for unit in self._members(pool):
            if unit.state == before:
                self.units[unit.name] = replace(unit, state=after)


def _lasts(runs: Launch, wanted: Launch) -> bool:
    return runs == wanted or (runs.lasts and wanted.lasts)


class MemoryTarget:
    """A :class:`tenfold.targets.protocol.Target` in memory.

    ``agents`` are those of its hosts by the places that they live in. ``clock`` gives the seconds
    since the epoch, by which holds end.
    """

    def __init__(self, hosts: Sequence[str] = (), *, clock: Clock = time.time) -> None:
        self.agents: dict[str, MemoryAgent] = {}
        self._clock = clock
        self._places = Places({})
        self._epoch: int | None = None
        for name in hosts:
            self.ensure(Host(name))

    def with_epoch(self, epoch: int) -> MemoryTarget:
        """See :class:`tenfold.targets.protocol.Target`."""
        other = copy.copy(self)
        other._epoch = epoch
        return other

    def named(self, places: Mapping[str, str]) -> MemoryTarget:
        """See :class:`tenfold.targets.protocol.Target`. Replaces the names that it had."""
        other = copy.copy(self)
        other._places = Places(places)
        return other

    def locate(self, host: Host) -> HostPaths:
        """See :class:`tenfold.targets.protocol.Target`."""
        root = f"/memory/{self._places.require(host.name)}"
        return HostPaths(root=root, run=f"{root}/run", logs=f"{root}/logs")

    def ensure(self, host: Host) -> MemoryAgent:
        """See :class:`tenfold.targets.protocol.Target`."""
        place = self._places.require(host.name)
        made = MemoryAgent(place, self.locate(host), clock=self._clock)
        agent = self.agents.setdefault(place, made)
        agent.life.alive = True
        return self._seen(agent, host.name)

    def reach(self, host: str, within_seconds: float | None = None) -> MemoryAgent | None:
        """See :class:`tenfold.targets.protocol.Target`."""
        agent = self._agent(host)
        return self._seen(agent, host) if agent and agent.alive else None

    def hosts(self) -> tuple[str, ...]:
        """See :class:`tenfold.targets.protocol.Target`."""
        names = (self._places.name_of(place) for place in self.agents)
        return tuple(name for name in names if name is not None)

    def logs(
        self, host: str, names: Sequence[str], *, lines: int, follow: bool
    ) -> Iterator[tuple[str, str]]:
        """See the protocol; ``follow`` ends with what is there."""
        agent = self._agent(host)
        said = agent.lines if agent else {}
        for unit in names or sorted(said):
            for line in said.get(unit, [])[-lines:]:
                yield unit, line

    def remains(self, host: str) -> bool:
        """See the protocol. Without an agent nothing runs in memory."""
        return False

    def end(self, host: str) -> None:
        """See the protocol."""
        agent = self.reach(host)
        if agent is not None:
            agent.shutdown()

    def destroy(self, host: str) -> None:
        """See :class:`tenfold.targets.protocol.Target`."""
        self.set_aside(host)
        self.delete_aside()

    def delete_aside(self) -> None:
        """See :class:`tenfold.targets.protocol.Target`. What is in memory is gone at once."""

    def set_aside(self, host: str) -> None:
        """See :class:`tenfold.targets.protocol.Target`."""
        place = self._places.of(host)
        if place in self.agents:
            self.end(host)
            self.agents.pop(place)

    def fail(self, order: str, name: str, error: TenfoldError, *, host: str | None = None) -> None:
        """Have the next such order fail: ``fail("start", "edge", UnitFailed("..."))``."""
        for place, agent in self.agents.items():
            if host in (None, self._places.name_of(place)):
                agent.faults[(order, name)] = error

    def kill(self, host: str) -> None:
        """Take the power from a host: its units are gone, its files stay."""
        agent = self._agent(host)
        assert agent is not None, f"there is no host {host}"
        agent.lose_power()

    def _agent(self, host: str) -> MemoryAgent | None:
        place = self._places.of(host)
        return None if place is None else self.agents.get(place)

    def _seen(self, agent: MemoryAgent, name: str) -> MemoryAgent:
        """The same agent as this target's caller knows it."""
        if (agent.name, agent.epoch) == (name, self._epoch):
            return agent
        return replace(agent, name=name, epoch=self._epoch)
