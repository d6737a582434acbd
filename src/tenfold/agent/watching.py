"""What a worker has in hand, asked at its control socket until it is little enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenfold.agent import control
from tenfold.agent.control import Conversation, NoAnswer
from tenfold.wiring import control as words

if TYPE_CHECKING:
    from tenfold.agent.unit import Unit

SHORTEST_ANSWER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Work:
    """A worker's connections, those of them without a request, requests and background tasks.

    ``oldest_seconds`` is the age of its oldest request; ``answered`` is whether it said all that.
    """

    accepts: bool = False
    connections: int = 0
    idle: int = 0
    active: int = 0
    tasks: int = 0
    oldest_seconds: float = 0.0
    answered: bool = True

    @property
    def none(self) -> bool:
        """Whether nothing is left and nothing can come."""
        return self.answered and not (self.accepts or self.connections or self.active or self.tasks)

    @property
    def endless_only(self) -> bool:
        """Whether of what has an end nothing is left."""
        return self.answered and not self.accepts and self.oldest_seconds == 0.0


SILENT = Work(answered=False)


def work(status: Mapping[str, Any]) -> Work:
    """From the answer to ``status``; what it does not say is none."""
    return Work(
        accepts=status.get("state") == words.ACCEPTING,
        connections=int(status.get("connections") or 0),
        idle=int(status.get("idle") or 0),
        active=int(status.get("active") or 0),
        tasks=int(status.get("tasks") or 0),
        oldest_seconds=float(status.get("oldest_seconds") or 0.0),
    )


async def until(
    unit: Unit, enough: Callable[[Work], bool], deadline: float, every_seconds: float
) -> Work | None:
    """``None`` as soon as it is enough, also because the process is gone; else what is left.

    Args:
        unit: whose worker to ask; it has a control socket.
        enough: what to wait for.
        deadline: on the event loop's clock.
        every_seconds: how long to pause between two questions.
    """
    clock = asyncio.get_running_loop().time
    path = unit.order.launch.control
    assert path is not None, "only a unit with a control socket is asked"
    while True:
        left: Work | None = SILENT
        if unit.process is None or unit.process.is_over:
            return None
        try:
            async with control.conversation(path, _left(deadline)) as worker:
                left = await _ask_on(worker, enough, deadline, every_seconds)
        except NoAnswer:
            pass  # It has just ended, or is too busy: asked again, on another connection.
        if left is not SILENT or clock() >= deadline:
            return left
        await asyncio.sleep(every_seconds)


async def _ask_on(
    worker: Conversation, enough: Callable[[Work], bool], deadline: float, every_seconds: float
) -> Work | None:
    clock = asyncio.get_running_loop().time
    while True:
        found = work(await worker.ask(_left(deadline), order=words.STATUS))
        if enough(found):
            return None
        if clock() >= deadline:
            return found
        await asyncio.sleep(every_seconds)


def _left(deadline: float) -> float:
    return max(SHORTEST_ANSWER_SECONDS, deadline - asyncio.get_running_loop().time())


def left_over(left: list[Work]) -> str:
    """In words, for an error: ``2 requests still run, the oldest for 12.3 s``."""
    requests = sum(w.active for w in left)
    oldest = max(w.oldest_seconds for w in left)
    if requests:
        still = "1 request still runs" if requests == 1 else f"{requests} requests still run"
        return f"{still}, the oldest for {oldest:.1f} s"
    if not all(w.answered for w in left):
        return "a worker does not answer"
    if connections := sum(w.connections for w in left):
        return f"connections are still open: {connections}"
    if tasks := sum(w.tasks for w in left):
        return f"background tasks still run: {tasks}"
    return "a worker still accepts"
