"""Hold a pool: connections wait in the kernel's queue while something behind it is moved.

A hold is on disk, with its bound, before the first member is told of it. Members stop to accept and
keep the listening socket, so nobody is refused. However the hold began, the agent ends it when its
time is up: users must not wait for a caller that has died. A member that is started again meanwhile
holds by not beginning to accept, and a successor of this agent goes on with hold and bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tenfold.agent import control, lull, serving, watching
from tenfold.agent.control import NoAnswer
from tenfold.agent.deaf import Deaf
from tenfold.agent.diary import say
from tenfold.agent.held import COMMAND, FAILOVER, Hold, joined, lasting, without
from tenfold.agent.pause import pause_point
from tenfold.agent.store import Corrupt
from tenfold.agent.waiting import TooLate, wait_for
from tenfold.agent.wire import from_wire, to_wire
from tenfold.errors import Refused, StepFailed, TargetError, TenfoldError, UnitFailed
from tenfold.wiring import control as words

if TYPE_CHECKING:
    from tenfold.agent.host import Host
    from tenfold.agent.unit import Unit

FOLDER = "holds"
POLL_SECONDS = 0.002
SETTLING_POLL_SECONDS = 0.01
SETTLED_SECONDS = 30.0
BACK = "the workers accept again"
WAITS_ON = "requests wait on: whoever follows the database's leader has it held, too"


class Holds:
    """The pools of one host that are held or settled."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.deaf = Deaf(self.gates)
        self._held: dict[str, Hold] = {}
        self._bounds: dict[str, asyncio.Task[None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # What is known

    def observed(self) -> tuple[tuple[str, float], ...]:
        """Pools and until when they are held at the latest, in seconds since the epoch."""
        return tuple((hold.pool, hold.ends_until()) for hold in self._held.values())

    def includes(self, unit: str) -> bool:
        """Whether this unit is to hold."""
        return any(unit in hold.members for hold in self._held.values())

    def gates(self, unit: str) -> bool:
        """Whether what comes on kept connections is to wait, too: it would meet no database."""
        return any(h.is_wanted_by(FAILOVER) and unit in h.members for h in self._held.values())

    def resume(self) -> None:
        """Go on with what a predecessor held; to be called before its units are adopted."""
        store = self._host.context.store
        for pool in store.names(FOLDER):
            try:
                hold = from_wire(Hold, store.read(FOLDER, pool) or {})
            except Corrupt as fault:
                say(fault.what)
                continue
            except ValueError as fault:
                say(store.set_aside(FOLDER, pool, str(fault)).what)
                continue
            left = lasting(hold.dated())
            if left is not None:
                say(f"{pool} is held, by {left.by} for {left.left_seconds():.1f} s at most")
                self._have(left)
            else:
                ago = -max(one.left_seconds() for one in hold.all())
                say(f"{pool} was to be held until {ago:.1f} s ago: {BACK}")
                self._held[pool] = hold
                self.forget(pool)

    def tell_on(self) -> None:
        """Have those hold for the keeper whom a predecessor told in vain; to be called when its
        units are adopted."""
        for pool in self._held:
            if self._is_held_by(pool, FAILOVER):
                self.deaf.tell(self._told_to_hold(pool))

    # Orders

    async def settle(self, pool: str, within_seconds: float) -> None:
        """See :meth:`HostAgent.settle`."""
        members = [u for u in self._accepting(pool) if u.state == "running"]
        deadline = asyncio.get_running_loop().time() + within_seconds
        if pool not in self._held:
            self._bind(pool, within_seconds + SETTLED_SECONDS)
        await asyncio.gather(*(_settle(unit, deadline) for unit in members))

    async def hold(
        self, pool: str, within_seconds: float, lull_seconds: float, by: str = COMMAND
    ) -> float:
        """See :meth:`HostAgent.hold`."""
        if by != COMMAND:
            await self._host.handovers.decided(pool)  # Else the next workers would accept.
        else:
            await self._nobody_leaves(pool, within_seconds)
            if lull_seconds:
                await lull.await_lull(self._controls(pool), lull_seconds)
        async with self._locks[pool]:
            held = self._held.get(pool)
            if held is not None and held.by == COMMAND and by != COMMAND:
                own = Hold.of(pool, held.members, within_seconds, by)
                self._keep(joined(held, own))
                await self.deaf.hold(self._told_to_hold(pool))
                return 0.0  # Members have held since the command told them.
            members = self._able(pool)
            names = tuple(unit.name for unit in members)
            self._keep(joined(held, Hold.of(pool, names, within_seconds, by)))
            await pause_point("hold.kept", self._host.context.root)
            told = time.monotonic()
            # Nobody is let go to a database that is gone because another one does not hear.
            await (self._all_hold(pool, members) if by == COMMAND else self.deaf.hold(members))
            return time.monotonic() - told

    async def drained(self, pool: str, within_seconds: float, by: str = COMMAND) -> None:
        """See :meth:`HostAgent.drained`; for a failover what never ends need not end, nor what one
        does that has been told to hold and does not: it is deaf."""
        self._require_held(pool, by)
        held = [u for u in self._told_to_hold(pool) if by == COMMAND or u.state != "running"]
        deadline = asyncio.get_running_loop().time() + within_seconds

        def enough(work: watching.Work) -> bool:
            ended = work.none if by == COMMAND else work.endless_only
            return ended or not self._is_held_by(pool, by)

        waits = (watching.until(unit, enough, deadline, POLL_SECONDS) for unit in held)
        left = [work for work in await asyncio.gather(*waits) if work is not None]
        self._require_held(pool, by)
        if left:
            raise StepFailed(
                f"{pool} has not finished within {within_seconds:g} s: {watching.left_over(left)}",
                changed="nothing: it is still held, until it is released or its time is up",
            )

    async def release(self, pool: str, by: str = COMMAND) -> None:
        """See :meth:`HostAgent.release`."""
        await self._host.handovers.decided(pool)
        async with self._locks[pool]:
            held = self._held.get(pool)
            left = None if held is None else without(held, by)
            if left is not None:
                if left != held:
                    await self._go_on(left)
                return
            settled = by == COMMAND and pool in self._bounds
            if held is not None or settled:
                faults = await self._let_go(pool)
                if faults:
                    raise StepFailed(f"{pool} does not accept again: {'; '.join(faults)}")

    async def longest_request(self, pool: str) -> float:
        """See :meth:`HostAgent.longest_request`. Whoever does not answer is left out."""
        asked = [control.ask(path, order=words.STATUS) for path in self._controls(pool)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        ages = [watching.work(a).oldest_seconds for a in answers if isinstance(a, dict)]
        return max(ages, default=0.0)

    # For handovers, and for a host that shuts down

    async def until_somebody_leads(self, pool: str) -> None:
        """Wait while it is held because nobody leads; as long as that hold may last."""
        while self._is_held_by(pool, FAILOVER):
            await asyncio.sleep(POLL_SECONDS * 10)

    def lift(self, pool: str, units: list[str]) -> None:
        """These of the pool may accept, the others go on holding."""
        hold = self._held.get(pool)
        if hold is not None:
            kept = tuple(name for name in hold.members if name not in units)
            self._held[pool] = replace(hold, members=kept)

    def forget(self, pool: str) -> None:
        """The pool is not held any more; its members are not told here.

        On a disk that does not take it a successor would hold again, until the time is up.
        """
        self._unbind(pool)
        if self._held.pop(pool, None) is not None:
            try:
                self._host.context.store.delete(FOLDER, pool)
            except TargetError as fault:
                say(f"{pool} is not held any more all the same: {fault.what}")

    def forget_all(self) -> None:
        """The host shuts down."""
        for pool in {*self._held, *self._bounds}:
            self.forget(pool)

    # How

    def _accepting(self, pool: str) -> list[Unit]:
        """The members whose work is to accept, whether they can just now or not."""
        return [u for u in self._host.members(pool) if u.record.accepting]

    def _told_to_hold(self, pool: str) -> list[Unit]:
        return [u for u in self._host.members(pool) if self.includes(u.name)]

    def _controls(self, pool: str) -> list[str]:
        """The control sockets of members that accept."""
        paths = [u.order.launch.control for u in self._accepting(pool) if u.state == "running"]
        return [path for path in paths if path is not None]

    def _is_held_by(self, pool: str, by: str) -> bool:
        hold = self._held.get(pool)
        return hold is not None and hold.is_wanted_by(by)

    def _require_held(self, pool: str, by: str) -> None:
        if not self._is_held_by(pool, by):
            raise StepFailed(f"{pool} is not held on {self._host.context.host}")

    async def _nobody_leaves(self, pool: str, within_seconds: float) -> None:
        """A generation that still drains would go on working behind the hold's back."""

        def over() -> bool:
            leaving = any(u.record.leaving for u in self._host.members(pool))
            return not leaving and not self._host.handovers.is_under_way(pool)

        subject = f"workers of {pool} that are being replaced to leave"
        try:
            await wait_for(over, within_seconds=within_seconds, subject=subject)
        except TooLate as late:
            raise StepFailed(late.what, next="give the command again") from late

    def _able(self, pool: str) -> list[Unit]:
        """Those that are to hold. Raises where there is nobody, or one cannot."""
        host, members = self._host.context.host, self._accepting(pool)
        if not members:
            raise UnitFailed(f"{host} has no workers of {pool} that accept")
        deaf = [unit.name for unit in members if unit.order.launch.control is None]
        if deaf:
            raise Refused(f"{', '.join(deaf)} on {host} cannot be told to hold")
        return members

    async def _all_hold(self, pool: str, members: Sequence[Unit]) -> None:
        """Have all hold for a command, or none. Raises where one does not."""
        try:
            await asyncio.gather(*(unit.hold() for unit in members))
        except TenfoldError as fault:
            left = without(self._held[pool], COMMAND)
            await (self._let_go(pool) if left is None else self._go_on(left))
            changed = BACK if left is None else WAITS_ON
            raise StepFailed(
                f"{pool} cannot be held: {fault.what}", changed=changed, next=fault.next
            ) from fault
        await asyncio.gather(*(_close_endless(unit) for unit in members))

    def _keep(self, hold: Hold) -> None:
        # No hold outlasts a power cut: nobody is there then who would accept.
        self._host.context.store.write(FOLDER, hold.pool, to_wire(hold), durable=False)
        self._have(hold)

    def _have(self, hold: Hold) -> None:
        self._held[hold.pool] = hold
        self._bind(hold.pool, hold.changes_in_seconds())

    async def _go_on(self, left: Hold) -> None:
        """One of those who held does not any more, the other does.

        On a disk that does not take it a successor would have both hold, until their time is up.
        """
        try:
            self._keep(left)
        except TargetError as fault:
            say(f"{left.pool} is held by {left.by} alone all the same: {fault.what}")
            self._have(left)
        await pause_point("hold.left", self._host.context.root)
        await self._tell(left.pool)

    async def _tell(self, pool: str) -> None:
        """Have those that hold know whether requests on kept connections wait, too."""
        members = self._told_to_hold(pool)
        outcomes = await asyncio.gather(*(u.hold() for u in members), return_exceptions=True)
        for text in _faults(outcomes):  # They hold all the same: they have been told before.
            say(text)

    async def _let_go(self, pool: str) -> list[str]:
        """Forget the hold, then have everybody accept; gives the faults of those that do not."""
        self.forget(pool)
        releases = (unit.release() for unit in self._accepting(pool))
        faults = _faults(await asyncio.gather(*releases, return_exceptions=True))
        for text in faults:
            say(text)
        return faults

    def _bind(self, pool: str, within_seconds: float) -> None:
        self._unbind(pool)
        task = asyncio.create_task(self._end_after(pool, within_seconds), name=f"hold {pool}")
        self._bounds[pool] = task

    def _unbind(self, pool: str) -> None:
        task = self._bounds.pop(pool, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _end_after(self, pool: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._host.handovers.decided(pool)
        async with self._locks[pool]:
            held = self._held.get(pool)
            left = None if held is None else lasting(held)
            if held is not None and left != held:
                becomes = BACK if left is None else f"{left.by} has it held on"
                say(f"{pool} was held for as long as it may be, and nobody released it: {becomes}")
            if left is None:
                await self._let_go(pool)
            elif left == held:
                self._have(left)  # The clocks that tell it and that wait for it are two.
            else:
                await self._go_on(left)


def _faults(outcomes: Sequence[object]) -> list[str]:
    """What went wrong, in words. Raises what nobody foresaw."""
    for fault in outcomes:
        if isinstance(fault, BaseException) and not isinstance(fault, TenfoldError):
            raise fault
    return [fault.what for fault in outcomes if isinstance(fault, TenfoldError)]


async def _settle(unit: Unit, deadline: float) -> None:
    path, process = unit.order.launch.control, unit.process
    if path is None or process is None:
        return
    try:
        answer = await control.ask(path, order=words.SETTLE)
    except NoAnswer:
        if await serving.ends(process, serving.OVER_SECONDS):
            return
        raise
    if not answer.get("ok"):
        raise serving.Declined(f"{unit.name} does not settle: {answer.get('error')}")
    await watching.until(unit, lambda work: work.idle == 0, deadline, SETTLING_POLL_SECONDS)


async def _close_endless(unit: Unit) -> None:
    with contextlib.suppress(TenfoldError):  # Then they show as requests that still run.
        if unit.state == "holding" and unit.order.launch.control is not None:
            await serving.close_endless(unit.order.launch.control)
