"""A target in memory: hosts, agents and units without a process. A public fake, not a mock.

It keeps the contract of :mod:`tenfold.targets.protocol` (the contract suite runs on it too), so
that planners, runners and what users build on top is tested in microseconds, faults included::

    target = MemoryTarget(hosts=["vm1"])
    target.fail("start", "edge", UnitFailed("edge did not start"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenfold.errors import TargetError, TenfoldError, UnitFailed
from tenfold.targets.protocol import Finished, HostPaths, Progress
from tenfold.topology.model import Host
from tenfold.topology.observation import ObservedHost, ObservedUnit
from tenfold.topology.process import Command, File, Listen, UnitOrder


@dataclass
class MemoryAgent:
    """One host's agent in memory. ``orders`` records every order that it got, in order."""

    name: str
    paths: HostPaths
    alive: bool = True
    units: dict[str, ObservedUnit] = field(default_factory=dict)
    launches: dict[str, UnitOrder] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    sockets: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    orders: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[tuple[str, str], TenfoldError] = field(default_factory=dict)
    commands: Callable[[Command], Finished] = lambda command: Finished(0, "")
    _pids: Iterator[int] = field(default_factory=lambda: iter(range(1000, 1_000_000)))

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
        if known and before and before.launch == order.launch:
            self.launches[order.name] = order
            self.units[order.name] = replace(known, fingerprint=order.fingerprint)
            return
        for socket in order.launch.sockets:
            if socket not in self.sockets:
                raise UnitFailed(f"{order.name} wants socket {socket}, which nobody listens on")
        self.launches[order.name] = order
        self.units[order.name] = ObservedUnit(
            name=order.name,
            engine=order.engine,
            state="warm" if order.pool else "running",
            pid=next(self._pids),
            endpoint=order.endpoint,
            pool=order.pool,
            generation=order.generation,
            release=order.release,
            fingerprint=order.fingerprint,
        )

    def reload(self, name: str) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("reload", name)
        if name not in self.units:
            raise UnitFailed(f"{name} does not run")

    def stop(self, name: str) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("stop", name)
        self.units.pop(name, None)
        self.launches.pop(name, None)

    def handover(self, pool: str, generation: int, progress: Progress | None = None) -> None:
        """See :class:`tenfold.targets.protocol.HostAgent`."""
        self._reached("handover", pool)
        members = [u for u in self.units.values() if u.pool == pool]
        chosen = [u for u in members if u.generation == generation]
        if not chosen:
            raise UnitFailed(f"pool {pool} has no generation {generation}")
        for unit in chosen:
            self.units[unit.name] = replace(unit, state="running")
        for unit in members:
            if unit.generation != generation:
                if progress:
                    progress(f"{unit.name} drained")
                self.units.pop(unit.name)
                self.launches.pop(unit.name)

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
        self.units.clear()
        self.launches.clear()
        self.sockets.clear()
        self.alive = False

    def _reached(self, order: str, name: str) -> None:
        if not self.alive:
            raise TargetError(f"the agent of {self.name} does not answer")
        self.orders.append((order, name))
        fault = self.faults.pop((order, name), None)
        if fault is not None:
            raise fault


class MemoryTarget:
    """A :class:`tenfold.targets.protocol.Target` in memory."""

    def __init__(self, hosts: Sequence[str] = ()) -> None:
        self.agents: dict[str, MemoryAgent] = {}
        for name in hosts:
            self.ensure(Host(name))

    def locate(self, host: Host) -> HostPaths:
        """See :class:`tenfold.targets.protocol.Target`."""
        root = f"/memory/{host.name}"
        return HostPaths(root=root, run=f"{root}/run", logs=f"{root}/logs")

    def ensure(self, host: Host) -> MemoryAgent:
        """See :class:`tenfold.targets.protocol.Target`."""
        agent = self.agents.setdefault(host.name, MemoryAgent(host.name, self.locate(host)))
        agent.alive = True
        return agent

    def reach(self, host: str) -> MemoryAgent | None:
        """See :class:`tenfold.targets.protocol.Target`."""
        agent = self.agents.get(host)
        return agent if agent and agent.alive else None

    def hosts(self) -> tuple[str, ...]:
        """See :class:`tenfold.targets.protocol.Target`."""
        return tuple(self.agents)

    def logs(
        self, host: str, names: Sequence[str], *, lines: int, follow: bool
    ) -> Iterator[tuple[str, str]]:
        """See the protocol; ``follow`` ends with what is there."""
        said = self.agents[host].lines if host in self.agents else {}
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
        self.agents.pop(host, None)

    def fail(self, order: str, name: str, error: TenfoldError, *, host: str | None = None) -> None:
        """Have the next such order fail: ``fail("start", "edge", UnitFailed("..."))``."""
        for agent in self.agents.values():
            if host in (None, agent.name):
                agent.faults[(order, name)] = error

    def kill(self, host: str) -> None:
        """Take the power from a host: its units are gone, its files stay."""
        agent = self.agents[host]
        agent.alive = False
        agent.units.clear()
        agent.launches.clear()
        agent.sockets.clear()
