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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenfold.agent import control, lull, serving, watching
from tenfold.agent.control import NoAnswer
from tenfold.agent.diary import say
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
SLACK_SECONDS = 1.0
BACK = "the workers accept again"
COMMAND = "command"
FAILOVER = "failover"


@dataclass(frozen=True, slots=True)
class Hold:
    """One pool that is held; ``members`` are the units that hold.

    ``until`` is for people, in seconds since the epoch, which a clock that is set changes.
    ``deadline`` is what counts: by the clock that nobody sets and that every process of this boot
    has in common. Neither lengthens the hold beyond ``within_seconds``, which is what was ordered.
    ``by`` is who holds: a command, or whoever follows the database's leader, and does not end what
    a command has begun.
    """

    pool: str
    members: tuple[str, ...]
    until: float
    within_seconds: float
    deadline: float | None = None
    by: str = COMMAND

    def left_seconds(self) -> float:
        """How long it may still last."""
        left = (
            self.until - time.time() if self.deadline is None else self.deadline - time.monotonic()
        )
        return min(left, self.within_seconds)

    def dated(self) -> Hold:
        """The same with an ``until`` that is right by the clock as it is now."""
        until = time.time() + self.left_seconds()
        return replace(self, until=until) if abs(until - self.until) > SLACK_SECONDS else self


class Holds:
    """The pools of one host that are held or settled."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held: dict[str, Hold] = {}
        self._bounds: dict[str, asyncio.Task[None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # What is known

    def observed(self) -> tuple[tuple[str, float], ...]:
        """Pools and until when they are held at the latest, in seconds since the epoch."""
        return tuple((hold.pool, hold.until) for hold in self._held.values())

    def includes(self, unit: str) -> bool:
        """Whether this unit is to hold."""
        return any(unit in hold.members for hold in self._held.values())

    def gates(self, unit: str) -> bool:
        """Whether what comes on kept connections is to wait, too: it would meet no database."""
        return any(h.by == FAILOVER and unit in h.members for h in self._held.values())

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
            left = hold.left_seconds()
            self._held[pool] = hold.dated()
            if left > 0:
                say(f"{pool} is held, for {left:.1f} s at most")
                self._bind(pool, left)
            else:
                say(f"{pool} was to be held until {-left:.1f} s ago: {BACK}")
                self.forget(pool)

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
            if held is not None and held.by != by and by != COMMAND:
                return 0.0  # A command holds it, and will release it.
            members = self._accepting(pool)
            self._keep(pool, members, within_seconds, by)
            await pause_point("hold.kept", self._host.context.root)
            told = time.monotonic()
            try:
                await asyncio.gather(*(unit.hold() for unit in members))
            except TenfoldError as fault:
                await self._let_go(pool)
                raise StepFailed(
                    f"{pool} cannot be held: {fault.what}", changed=BACK, next=fault.next
                ) from fault
            if by == COMMAND:
                await asyncio.gather(*(_close_endless(unit) for unit in members))
            return time.monotonic() - told

    async def drained(self, pool: str, within_seconds: float, by: str = COMMAND) -> None:
        """See :meth:`HostAgent.drained`; what never ends need not end for a failover."""
        self._require_held(pool)
        held = [u for u in self._host.members(pool) if self.includes(u.name)]
        deadline = asyncio.get_running_loop().time() + within_seconds

        def enough(work: watching.Work) -> bool:
            ended = work.none if by == COMMAND else work.endless_only
            return ended or pool not in self._held

        waits = (watching.until(unit, enough, deadline, POLL_SECONDS) for unit in held)
        left = [work for work in await asyncio.gather(*waits) if work is not None]
        self._require_held(pool)
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
            if by != COMMAND and (held is None or held.by != by):
                return
            if pool in self._held or pool in self._bounds:
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
        while (hold := self._held.get(pool)) is not None and hold.by == FAILOVER:
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

    def _controls(self, pool: str) -> list[str]:
        """The control sockets of members that accept."""
        paths = [u.order.launch.control for u in self._accepting(pool) if u.state == "running"]
        return [path for path in paths if path is not None]

    def _require_held(self, pool: str) -> None:
        if pool not in self._held:
            raise StepFailed(f"{pool} is not held on {self._host.context.host}")

    async def _nobody_leaves(self, pool: str, within_seconds: float) -> None:
        """A generation that still drains would go on working behind the hold's back."""

        def over() -> bool:
            leaving = any(u.record.drain_until is not None for u in self._host.members(pool))
            return not leaving and not self._host.handovers.is_under_way(pool)

        subject = f"workers of {pool} that are being replaced to leave"
        try:
            await wait_for(over, within_seconds=within_seconds, subject=subject)
        except TooLate as late:
            raise StepFailed(late.what, next="give the command again") from late

    def _keep(self, pool: str, members: list[Unit], within_seconds: float, by: str) -> None:
        host = self._host.context.host
        if not members:
            raise UnitFailed(f"{host} has no workers of {pool} that accept")
        deaf = [unit.name for unit in members if unit.order.launch.control is None]
        if deaf:
            raise Refused(f"{', '.join(deaf)} on {host} cannot be told to hold")
        names = tuple(unit.name for unit in members)
        until, deadline = time.time() + within_seconds, time.monotonic() + within_seconds
        hold = Hold(pool, names, until, within_seconds, deadline, by)
        # No hold outlasts a power cut: nobody is there then who would accept.
        self._host.context.store.write(FOLDER, pool, to_wire(hold), durable=False)
        self._held[pool] = hold
        self._bind(pool, within_seconds)

    async def _let_go(self, pool: str) -> list[str]:
        """Forget the hold, then have everybody accept; gives the faults of those that do not."""
        self.forget(pool)
        releases = (unit.release() for unit in self._accepting(pool))
        outcomes = await asyncio.gather(*releases, return_exceptions=True)
        for fault in outcomes:
            if isinstance(fault, BaseException) and not isinstance(fault, TenfoldError):
                raise fault
        faults = [fault.what for fault in outcomes if isinstance(fault, TenfoldError)]
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
            if pool in self._held:
                say(f"{pool} was held for as long as it may be, and nobody released it: {BACK}")
            await self._let_go(pool)


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
