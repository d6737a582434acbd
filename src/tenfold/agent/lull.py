"""Wait for a moment with as little in hand as there ever is, to begin a hold in it.

Whoever is held waits for what is in hand first. At ten requests a second that take a fifth of one
each, two are in hand on average, and none for a seventh of the time: there is a moment without any
within a second or so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from tenfold.agent import control, watching
from tenfold.agent.control import Conversation, NoAnswer
from tenfold.wiring import control as words

LEARN_SHARE = 0.5
"""For this share of the time it is only learnt what little is; nothing at all is little at once."""

POLL_SECONDS = 0.005


class Lull:
    """The least that was ever in hand, and whether what is now is as little. Pure.

    Args:
        within_seconds: how long there is to find it.
    """

    def __init__(self, within_seconds: float) -> None:
        self._learns_until = within_seconds * LEARN_SHARE
        self._least: int | None = None

    def is_now(self, requests: int, elapsed_seconds: float) -> bool:
        """Whether so many requests are few, after so long a look."""
        known = self._least
        self._least = requests if known is None else min(requests, known)
        if known is None or elapsed_seconds < self._learns_until:
            return requests == 0
        return requests <= known


async def await_lull(paths: Sequence[str], within_seconds: float) -> None:
    """Returns at a lull of the workers with these control sockets, or when the time is up.

    A worker that does not answer is not worth waiting for: it returns then, too.
    """
    clock = asyncio.get_running_loop().time
    began, lull = clock(), Lull(within_seconds)
    with contextlib.suppress(NoAnswer):
        async with contextlib.AsyncExitStack() as stack:
            workers = [
                await stack.enter_async_context(control.conversation(path, within_seconds))
                for path in paths
            ]
            while (elapsed := clock() - began) < within_seconds:
                if lull.is_now(await _requests(workers, within_seconds - elapsed), elapsed):
                    return
                await asyncio.sleep(POLL_SECONDS)


async def _requests(workers: Sequence[Conversation], within_seconds: float) -> int:
    answers = await asyncio.gather(
        *(worker.ask(within_seconds, order=words.STATUS) for worker in workers)
    )
    return sum(watching.work(answer).active for answer in answers)
