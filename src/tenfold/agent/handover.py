"""Hand a pool's traffic from one generation to the next, without refusing a connection.

The order is kept first, so that a successor of this agent finishes it. Then: every member of the
new generation accepts; only when all do, the others drain. Both accept for a moment, on the same
socket, so there is no instant without a listener. When the new generation cannot accept, it is the
one that leaves, and the old one has never stopped.

Of a held pool nobody accepts until the new generation does, and then the hold is over. If it
cannot, the old one holds as before. A pool that is held because its database has no leader is not
handed over before it has one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenfold.agent.diary import say
from tenfold.agent.logs import forget_generations
from tenfold.agent.pause import pause_point
from tenfold.agent.serving import Declined
from tenfold.agent.store import Corrupt
from tenfold.agent.waiting import TooLate, wait_for
from tenfold.errors import StepFailed, TargetError, TenfoldError, UnitFailed

if TYPE_CHECKING:
    from tenfold.agent.host import Host
    from tenfold.agent.unit import Unit

FOLDER = "handovers"
Tell = Callable[[str], None]


@dataclass
class _UnderWay:
    generation: int
    listeners: list[Tell]
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] = field(init=False)


class Handovers:
    """The handovers under way, one per pool; a second order for the same one joins it.

    One is *decided* when it is settled who accepts; from then on the others only drain.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._under_way: dict[str, _UnderWay] = {}

    async def order(
        self, pool: str, generation: int, tell: Tell, permit: Callable[[], None]
    ) -> None:
        """Carry it out, or join the one that does. See :meth:`HostAgent.handover`.

        ``permit`` raises if it may not begin any more when its turn has come.
        """
        while found := self._under_way.get(pool):
            if found.generation == generation:
                found.listeners.append(tell)
                await asyncio.shield(found.task)
                return
            await asyncio.wait((found.task,))
        await self._host.holds.until_somebody_leads(pool)
        permit()
        await asyncio.shield(self._begin(pool, generation, [tell]).task)

    def is_under_way(self, pool: str) -> bool:
        """Whether a handover of the pool has not yet ended."""
        return pool in self._under_way

    async def decided(self, pool: str | None = None) -> None:
        """Wait until those of the pool, or of all, that are under way now are decided."""
        for name, found in list(self._under_way.items()):
            if pool in (None, name):
                await found.decided.wait()

    def resume(self) -> None:
        """Go on with those that a predecessor was ordered to do."""
        store = self._host.context.store
        for pool in store.names(FOLDER):
            try:
                record = store.read(FOLDER, pool) or {}
                self._begin(pool, int(record["generation"]), [], resumed=True)
            except Corrupt as fault:
                say(fault.what)
            except (KeyError, ValueError, TypeError) as fault:
                say(store.set_aside(FOLDER, pool, repr(fault)).what)

    async def cancel(self) -> None:
        """Give up all that are under way: the host shuts down."""
        tasks = [found.task for found in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in self._host.context.store.names(FOLDER):
            self._host.context.store.delete(FOLDER, pool)

    def _begin(
        self, pool: str, generation: int, listeners: list[Tell], *, resumed: bool = False
    ) -> _UnderWay:
        found = _UnderWay(generation, listeners)

        def over(task: asyncio.Task[None]) -> None:
            self._under_way.pop(pool, None)
            found.decided.set()
            if not task.cancelled() and task.exception() is not None:
                say(f"handover of {pool} to {generation}: {task.exception()}")

        found.task = asyncio.create_task(self._carry_out(pool, found, resumed))
        self._under_way[pool] = found
        found.task.add_done_callback(over)
        return found

    async def _carry_out(self, pool: str, under_way: _UnderWay, resumed: bool) -> None:
        host, store, generation = self._host, self._host.context.store, under_way.generation

        def tell(text: str) -> None:
            for listener in under_way.listeners:
                listener(text)

        members = [u for u in host.members(pool) if not u.record.leaving]
        new = [u for u in members if u.order.generation == generation]
        unready = [] if resumed else [u.name for u in new if not u.may_accept]
        if not new or unready:
            store.delete(FOLDER, pool)
            raise UnitFailed(_not_warm(host.context.host, pool, generation, unready))
        store.write(FOLDER, pool, {"pool": pool, "generation": generation})
        await pause_point("handover.ordered", host.context.root)
        host.holds.lift(pool, [unit.name for unit in new])
        try:
            await asyncio.gather(*(_accepts(unit) for unit in new))
            # Nobody waits any more; what follows is for the disk, and takes its time.
            tell(f"{pool}: generation {generation} accepts ({_workers(len(new))})")
            for unit in new:
                unit.remember(accepting=True)
        except TenfoldError as fault:
            raise await self._back_out(pool, new, fault) from fault
        host.holds.forget(pool)
        under_way.decided.set()
        await pause_point("handover.accepted", host.context.root)
        await asyncio.gather(*(self.retire(u, tell) for u in host.members(pool) if u not in new))
        await pause_point("handover.drained", host.context.root)
        store.delete(FOLDER, pool)
        forget_generations(host.context.logs, pool, generation)

    async def retire(self, unit: Unit, tell: Tell) -> None:
        """Drain a unit and forget it."""
        tell(f"{unit.name} drains")
        how = await unit.drain()
        self._host.forget(unit)
        tell(f"{unit.name} {how}")

    async def _back_out(self, pool: str, new: list[Unit], fault: TenfoldError) -> StepFailed:
        store = self._host.context.store
        if not any(u.record.accepting for u in self._host.members(pool) if u not in new):
            store.delete(FOLDER, pool)
            return StepFailed(f"{pool} does not accept: {fault.what}", detail=fault.detail)
        for unit in new:
            unit.mark_leaving()  # All, before the order is dropped: a successor goes on with it.
        store.delete(FOLDER, pool)
        await asyncio.gather(*(self.retire(unit, lambda _: None) for unit in new))
        held = pool in dict(self._host.holds.observed())
        before = "they wait as before" if held else "the workers from before went on serving"
        return StepFailed(
            f"the new workers of {pool} did not accept: {fault.what}",
            changed=f"nothing for users: {before}",
            next=fault.next,
            detail=fault.detail,
        )


async def _accepts(unit: Unit) -> None:
    """Have it accept; a member that crashes meanwhile is started again by its own life."""
    unit.will_accept()  # Kept when all do: until then the order on disk says it for a successor.

    async def accepting() -> bool:
        if unit.is_ready and unit.state != "running":
            try:
                await unit.accept()
            except Declined:
                raise
            except (UnitFailed, TargetError) as fault:
                say(f"{unit.name}: {fault.what}")  # It has ended, or will be asked again.
        return unit.state == "running"

    bound = unit.order.launch.ready.within_seconds + 5.0
    try:
        await wait_for(accepting, within_seconds=bound, subject=f"{unit.name} to accept")
    except TooLate as late:
        raise StepFailed(f"{late.what}: it is {unit.state} ({unit.reason})") from late


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _not_warm(host: str, pool: str, generation: int, unready: list[str]) -> str:
    if unready:
        return f"{', '.join(unready)} on {host} is not warm, so {pool} cannot be handed over"
    return f"{host} has no units of generation {generation} of {pool} to hand over to"
