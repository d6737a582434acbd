"""The targets on which the contract suite runs, each with units that run there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from tests.support import hosts

from tenfold.secret import Secret
from tenfold.targets.memory import MemoryTarget
from tenfold.targets.protocol import HostAgent, Target
from tenfold.topology.process import Launch, Probe, UnitOrder


class World(Protocol):
    """A target, and orders that its hosts can carry out."""

    @property
    def target(self) -> Target: ...

    def singleton(self, name: str, *, after: tuple[str, ...] = ()) -> UnitOrder:
        """A unit that becomes ready."""

    def member(self, agent: HostAgent, index: int, generation: int) -> UnitOrder:
        """A member of the pool ``app`` that listens on the socket ``app``."""

    def changed(self, order: UnitOrder) -> UnitOrder:
        """The same unit with another launch."""

    def failing(self, name: str, secret: Secret) -> UnitOrder:
        """A unit that prints ``secret`` and never becomes ready."""


class LocalWorld:
    """Real processes."""

    def __init__(self, made: hosts.Hosts) -> None:
        self.target: Target = made.target

    def singleton(self, name: str, *, after: tuple[str, ...] = ()) -> UnitOrder:
        return replace(hosts.sleeper(name), after=after)

    def member(self, agent: HostAgent, index: int, generation: int) -> UnitOrder:
        return hosts.member(agent, index, generation=generation)

    def changed(self, order: UnitOrder) -> UnitOrder:
        return replace(order, launch=replace(order.launch, env={"CHANGED": "1"}))

    def failing(self, name: str, secret: Secret) -> UnitOrder:
        text = "import os; print('secret', os.environ['S'], flush=True); raise SystemExit(7)"
        return hosts.script(name, text, env={"S": secret}, ready=Probe("exec", ("false",)))


class MemoryWorld:
    """No processes."""

    def __init__(self) -> None:
        self.memory = MemoryTarget()
        self.target: Target = self.memory

    def singleton(self, name: str, *, after: tuple[str, ...] = ()) -> UnitOrder:
        launch = Launch(argv=("run", name), cwd="/", ready=Probe("exec", ("true",)))
        return UnitOrder(name, "test", launch, after=after)

    def member(self, agent: HostAgent, index: int, generation: int) -> UnitOrder:
        name = f"app.{generation}.{index}"
        launch = replace(self.singleton(name).launch, sockets=("app",))
        return UnitOrder(name, "test", launch, pool="app", generation=generation)

    def changed(self, order: UnitOrder) -> UnitOrder:
        return replace(order, launch=replace(order.launch, env={"CHANGED": "1"}))

    def failing(self, name: str, secret: Secret) -> UnitOrder:
        from tenfold.errors import UnitFailed

        self.memory.fail("start", name, UnitFailed(f"{name} exited with code 7", detail="secret"))
        return self.singleton(name)


@contextmanager
def local() -> Iterator[World]:
    with hosts.hosts() as made:
        yield LocalWorld(made)


@contextmanager
def memory() -> Iterator[World]:
    yield MemoryWorld()


WORLDS = {"local": local, "memory": memory}
