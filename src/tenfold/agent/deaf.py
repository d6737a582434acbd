"""Members that do not hear: their worker's event loop is blocked by the app, or it declines.

At a failover nobody waits for one. While its loop is blocked it accepts nothing anyway, so that
what comes waits, and it holds before it does anything else when it is free again. One that is deaf
still when the next leader is served has connections to a server that is gone: another one takes
its place.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tenfold.agent import serving
from tenfold.agent.diary import say
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.agent.unit import Unit

PROMPT_SECONDS = 0.5
"""How long is waited for a worker to hold. One that is free does within some 10 ms; what was in
hand at the fault is waited for as long."""
AGAIN_SECONDS = 0.1
END_SECONDS = 2.0
"""How long a deaf worker may take to finish what it does before it is killed. Nobody waits."""


class Deaf:
    """Has members of one host hold as soon as they can, or be replaced.

    Args:
        is_wanted: whether the unit of this name is to hold, still.
    """

    def __init__(self, is_wanted: Callable[[str], bool]) -> None:
        self._is_wanted = is_wanted
        self._holding: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def hold(self, members: Sequence[Unit]) -> None:
        """Have all hold. Returns when they do, or soon: the others are told again until they do, or
        are not to hold any more."""
        tasks = self.tell(members)
        if tasks:
            done, _ = await asyncio.wait(tasks, timeout=PROMPT_SECONDS)
            for task in done:
                if not task.cancelled():
                    task.result()  # What nobody foresaw is raised.

    def tell(self, members: Sequence[Unit]) -> list[asyncio.Task[None]]:
        """The same without waiting for it: what tells each of them until it holds."""
        return [self._told(unit) for unit in members]

    def start_anew(self, unit: Unit, why: str) -> None:
        """End its process, by force soon, and have another one come up in its place. Does not wait
        for either, and nor does a release."""
        process = unit.process
        if process is None or process.is_over:
            return
        say(f"{unit.name} is started anew: {why}")
        if telling := self._holding.pop(unit.name, None):
            telling.cancel()  # A release would wait for it.
        unit.note(told=process.identity.nonce)  # That it ends is no crash.
        unit.is_at("draining", why)
        process.signal(signal.Signals[unit.order.launch.stop.signal])
        task = asyncio.create_task(serving.outlast(process, END_SECONDS), name=f"end {unit.name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _told(self, unit: Unit) -> asyncio.Task[None]:
        task = self._holding.get(unit.name)
        if task is None or task.done():
            task = asyncio.create_task(self._until_it_holds(unit), name=f"have {unit.name} hold")
            self._holding[unit.name] = task
        return task

    async def _until_it_holds(self, unit: Unit) -> None:
        told = ""
        while self._is_wanted(unit.name):
            try:
                await unit.hold()
            except TenfoldError as fault:
                if fault.what != told:
                    told = fault.what
                    say(f"{told}; it is told again, and the others hold")
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return
