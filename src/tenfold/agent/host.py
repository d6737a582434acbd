"""All units of one host: what every order is carried out on."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from tenfold.agent import control, files, metrics, run
from tenfold.agent.context import Context, Surroundings, environment
from tenfold.agent.deeds import Deeds
from tenfold.agent.diary import say
from tenfold.agent.epochs import Epochs
from tenfold.agent.giving_way import GivingWay
from tenfold.agent.handle import Process
from tenfold.agent.handover import Handovers, Tell
from tenfold.agent.holding import Holds
from tenfold.agent.record import FOLDER, UnitRecord
from tenfold.agent.rests import Rests
from tenfold.agent.unit import Forgotten, Unit
from tenfold.agent.waiting import TooLate, wait_for
from tenfold.agent.wire import to_wire
from tenfold.errors import Refused, StepFailed, TargetError, UnitFailed
from tenfold.topology.observation import ObservedHost, ObservedUnit
from tenfold.topology.process import Command, File, Listen, UnitOrder
from tenfold.wiring import control as words

AFTER_SECONDS = 60.0
RUNS = "runs"
SHUTDOWN = ("agent", "shutdown")


class Host:
    """Units, sockets, handovers and holds of one host."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.units: dict[str, Unit] = {}
        self.unreadable: dict[str, str] = {}
        self.handovers = Handovers(self)
        self.holds = Holds(self)
        self.rests = Rests(self)
        self.giving_way = GivingWay(self)
        self.deeds = Deeds(context.store)
        self.epochs = Epochs(context.store)
        self.leaving = asyncio.Event()
        self.closing = False

    # What there is

    def observe(self) -> ObservedHost:
        """As it is now."""
        broken = tuple(
            ObservedUnit(name, engine="", state="failed", reason=reason)
            for name, reason in self.unreadable.items()
            if name not in self.units
        )
        return ObservedHost(
            name=self.context.host,
            address=self.context.address,
            agent="running",
            agent_pid=os.getpid(),
            sockets=tuple(self.context.sockets.endpoints().items()),
            units=tuple(unit.observed() for unit in self.units.values()) + broken,
            held=self.holds.observed(),
            deeds=self.deeds.kept,
            free_bytes=files.free_bytes(self.context.root),
        )

    def members(self, pool: str) -> list[Unit]:
        """All units of a pool, of every generation."""
        return [unit for unit in self.units.values() if unit.order.pool == pool]

    # Orders

    def listen(self, listens: Sequence[Listen]) -> dict[str, str]:
        """See :meth:`HostAgent.listen`."""
        endpoints = {}
        for listen in listens:
            endpoints[listen.name] = self.context.sockets.own(listen).endpoint
        return endpoints

    def write(self, wanted: Sequence[File]) -> tuple[str, ...]:
        """See :meth:`HostAgent.write`."""
        return files.write(self.context.root, wanted)

    async def start(self, order: UnitOrder) -> None:
        """See :meth:`HostAgent.start`."""
        self._check(order)
        while True:
            unit = self.units.setdefault(order.name, self.new_unit(UnitRecord(order)))
            try:
                await unit.start(order)
            except Forgotten:
                continue
            finally:
                if not unit.declared:
                    self._drop(unit)
            self.unreadable.pop(order.name, None)
            return

    def new_unit(self, record: UnitRecord) -> Unit:
        """A unit that knows this host, not yet one of its own."""
        surroundings = Surroundings(
            self.wait_ready, self.holds.includes, self.holds.gates, self.require_alone
        )
        return Unit(self.context, record, surroundings)

    async def stop(self, name: str, within_seconds: float | None = None) -> None:
        """See :meth:`HostAgent.stop`."""
        unit = self.units.get(name)
        if unit is not None:
            await unit.stop(within_seconds)
            self.forget(unit)

    async def entrust(self, order: UnitOrder) -> None:
        """See :meth:`HostAgent.entrust`."""
        self._check(order)
        await self._named_alone(order.name).entrust(order)

    async def take_back(self, order: UnitOrder, server: str, within_seconds: float) -> None:
        """See :meth:`HostAgent.take_back`."""
        self._check(order)
        await self._named_alone(order.name).take_back(order, server, within_seconds)

    async def rest(
        self,
        name: str,
        within_seconds: float | None,
        *,
        kills: bool,
        lasts_seconds: float | None = None,
    ) -> str:
        """See :meth:`HostAgent.rest`."""
        unit = self.units.get(name)
        if unit is None:
            return "is not there"
        if not unit.order.background:
            raise Refused(f"{name} serves requests: it is held, not sent to rest")
        return await unit.rest(within_seconds, kills=kills, lasts_seconds=lasts_seconds)

    async def wake(self, name: str) -> None:
        """See :meth:`HostAgent.wake`."""
        unit = self.units.get(name)
        if unit is not None:
            await unit.wake()

    async def reload(self, name: str) -> None:
        """See :meth:`HostAgent.reload`."""
        await self._named_alone(name).reload()

    async def run(self, command: Command, output: Tell) -> tuple[int, str]:
        """See :meth:`HostAgent.run`. Cancelling ends the command."""
        nonce = self.context.new_nonce()

        def persist(process: Process) -> None:
            # A process does not outlast a power cut.
            self.context.store.write(RUNS, nonce, to_wire(process.identity), durable=False)

        try:
            async with asyncio.timeout(command.within_seconds):
                return await run.stream(
                    command.argv,
                    environment(command.env),
                    command.cwd or str(self.context.root),
                    self.context.marker("run", nonce),
                    output=output,
                    persist=persist,
                    thorough=command.thorough,
                )
        except TimeoutError:
            argv = " ".join(command.argv)
            raise StepFailed(f"{argv} did not end within {command.within_seconds:g} s") from None
        finally:
            self.context.store.delete(RUNS, nonce, durable=False)

    async def metrics(self, pool: str) -> dict[str, Any]:
        """See :meth:`HostAgent.metrics`."""
        asked = [
            control.ask(unit.order.launch.control, order=words.METRICS)
            for unit in self.members(pool)
            if unit.state in ("running", "holding") and unit.order.launch.control is not None
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return metrics.total([a for a in answers if isinstance(a, dict)])

    async def shutdown(self) -> None:
        """Stop all in reverse order; the intent is kept, so that a successor goes on with it."""
        self.closing = True
        with self._going_on():
            self.context.store.write(*SHUTDOWN, {})
        with self._going_on():
            await self.handovers.cancel()
        self.holds.forget_all()
        await self.stop_all()
        for unit in list(self.units.values()):
            with self._going_on():
                self.forget(unit)
        with self._going_on():
            self.context.store.delete(*SHUTDOWN)

    @contextlib.contextmanager
    def _going_on(self) -> Iterator[None]:
        """A host must shut down also when its disk is full or read-only."""
        try:
            yield
        except TargetError as fault:
            say(f"shutting down all the same: {fault.what}")

    async def stop_all(self) -> None:
        """End every unit's process, dependants first; declarations stay."""
        left = set(self.units)
        while left:
            needed = {name for unit in left for name in self._needs(unit)}
            level = [name for name in left if name not in needed] or list(left)
            await asyncio.gather(*(self._stop(name) for name in level))
            left.difference_update(level)

    async def _stop(self, name: str) -> None:
        """End a unit's process for good. The queue of a pool is kept: it may be held."""
        unit = self.units.get(name)
        if unit is None:
            return
        for listener in unit.order.launch.sockets if unit.order.pool is None else ():
            await self.context.sockets.leave(listener)
        await unit.stop()

    def forget(self, unit: Unit) -> None:
        """Its declaration is gone. Raises ``TargetError`` when the disk does not let it go."""
        self._drop(unit)
        self.context.store.delete(FOLDER, unit.name)

    async def wait_ready(self, name: str, after: tuple[str, ...]) -> None:
        """Wait for the units and pools that have to be ready before ``name`` starts.

        Raises:
            UnitFailed: one of them is not ready within a minute.
        """
        for other in after:
            try:
                await wait_for(
                    lambda other=other: any(u.is_ready for u in self._named(other)),  # type: ignore[misc]
                    within_seconds=AFTER_SECONDS,
                    subject=f"{other}, which {name} comes after, to be ready",
                )
            except TooLate as late:
                states = ", ".join(f"{u.name} is {u.state}" for u in self._named(other))
                raise UnitFailed(f"{late.what}: {states or 'there is none'}") from late

    def require_alone(self, unit: Unit) -> None:
        """See that none of another generation works, where there may not be two at once.

        Raises:
            StepFailed: one does.
        """
        if not unit.order.single:
            return
        for other in self.members(unit.order.pool or unit.name):
            if other.order.generation != unit.order.generation and other.works:
                raise StepFailed(
                    f"{unit.name} may not work beside {other.name}, which is {other.state}",
                    changed=f"nothing: {unit.name} does not run",
                    next="give the command again: it lets the other one rest first",
                )

    def _drop(self, unit: Unit) -> None:
        unit.forgotten = True
        if self.units.get(unit.name) is unit:
            del self.units[unit.name]

    def _named_alone(self, name: str) -> Unit:
        if name not in self.units:
            raise UnitFailed(f"{self.context.host} has no unit called {name}")
        return self.units[name]

    def _named(self, name: str) -> list[Unit]:
        return [u for u in self.units.values() if name in (u.name, u.order.pool)]

    def _needs(self, name: str) -> set[str]:
        """The units that have to be there for as long as this one is."""
        unit = self.units[name]
        needed = {u.name for other in unit.order.after for u in self._named(other)}
        names = (name, unit.order.pool)
        lasting = {u.name for u in self.units.values() if set(names) & set(u.order.outlives)}
        return needed | lasting

    def _check(self, order: UnitOrder) -> None:
        for other in order.after:
            if not self._named(other):
                raise Refused(
                    f"{order.name} comes after {other}, which {self.context.host} does not have"
                )
        missing = [s for s in order.launch.sockets if not self.context.sockets.knows(s)]
        if missing:
            raise UnitFailed(
                f"{order.name} is to have a socket that nobody listens on: {missing[0]}"
            )
