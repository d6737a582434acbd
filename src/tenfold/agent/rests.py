"""Background workers that rest, and nobody left who would wake them.

Whoever sends workers to rest says again and again that it is still at it. When it has fallen silent
for longer than it said, it was killed, and the agent has the workers work again: the app that still
serves needs them. Two things it never does:

- It wakes nobody whose rest has no bound. Before a database is fenced the bound is taken away: what
  worked on it must not come back to it, and who comes next is for the command to say.
- It wakes nobody beside workers that have replaced it. Those that have never become ready have
  replaced nobody: they are ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tenfold.agent.diary import say
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.agent.host import Host
    from tenfold.agent.unit import Unit

LOOK_EVERY_SECONDS = 1.0
Verdict = Literal["wake", "replace", "stay"]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a kind of worker: whether it rests, until a bound perhaps, and whether it has
    ever been ready."""

    generation: int
    rests: bool
    bounded: bool = False
    proven: bool = True


def verdict(member: Member, all_members: Collection[Member]) -> Verdict:
    """What becomes of a member whose rest nobody has renewed. Pure.

    ``wake``: it works again. ``replace``: the same, once those have ended that were to replace it.
    ``stay``: it rests on, and somebody else works.
    """
    others = [m for m in all_members if m.generation != member.generation]
    working = [m for m in others if not m.rests]
    newer = any(m.rests and m.bounded and m.generation > member.generation for m in others)
    if newer or any(m.proven for m in working):
        return "stay"
    return "replace" if working else "wake"


class Rests:
    """The workers of one host that rest until a bound."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, str] = {}

    def keep(self, pool: str, within_seconds: float | None, *, anew: bool) -> tuple[str, ...]:
        """See :meth:`HostAgent.keep_resting`."""
        members = self._host.members(pool)
        for unit in members:
            unit.keep_resting(within_seconds, anew=anew)
        return tuple(unit.name for unit in members if unit.state != "resting")

    async def watch(self) -> None:
        """Look at them, for as long as the agent serves. Never returns."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            for unit in list(self._host.units.values()):
                if _overdue(unit) and unit.name not in self._ending and not self._host.closing:
                    task = asyncio.create_task(self._end(unit), name=f"the rest of {unit.name}")
                    self._ending[unit.name] = task
                    task.add_done_callback(lambda _, name=unit.name: self._ending.pop(name))  # type: ignore[misc]

    async def _end(self, unit: Unit) -> None:
        try:
            await self._decide(unit)
        except TenfoldError as fault:
            self._say_once(unit.name, f"{unit.name} is to work again: {fault.what}")
        else:
            self._told.pop(unit.name, None)

    async def _decide(self, unit: Unit) -> None:
        bound = unit.record.rest_bound
        if bound is None:
            return
        silent = f"nobody has said for {bound.within_seconds:g} s that it is to rest on"
        members = self._host.members(unit.order.pool or unit.name)
        found = verdict(_member(unit), [_member(u) for u in members])
        if found == "stay":
            unit.remember(rest_bound=None)
            say(f"{unit.name} rests on: {silent}, and others work in its place")
            return
        if found == "replace":
            others = [u for u in members if u.order.generation != unit.order.generation]
            for other in [u for u in others if not u.record.resting]:
                say(f"{other.name} was to replace {unit.name} and never became ready: it is ended")
                await self._host.stop(other.name)
        if await unit.work_again(only_if=lambda: _overdue(unit)):
            self._host.deeds.add(f"{unit.name} works again: {silent}")

    def _say_once(self, name: str, text: str) -> None:
        if self._told.get(name) != text:
            self._told[name] = text
            say(text)


def _overdue(unit: Unit) -> bool:
    bound = unit.record.rest_bound
    return unit.record.resting and bound is not None and bound.left_seconds() <= 0


def _member(unit: Unit) -> Member:
    record = unit.record
    return Member(
        unit.order.generation, record.resting, record.rest_bound is not None, record.ever_ready
    )
