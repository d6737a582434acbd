"""Waits that have a bound and a subject."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tenfold.errors import TargetError

LONGEST_PAUSE_SECONDS = 0.25


class TooLate(TargetError):
    """Something did not happen in time; the text says what, and how long was waited."""


async def wait_for(
    condition: Callable[[], bool | Awaitable[bool]],
    *,
    within_seconds: float,
    subject: str,
    every_seconds: float = 0.01,
) -> None:
    """Return as soon as ``condition`` holds; asked at growing intervals, at least 4 times a second.

    Raises:
        TooLate: ``subject`` did not happen ``within_seconds``.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + within_seconds
    pause = every_seconds
    while True:
        holds = condition()
        if not isinstance(holds, bool):
            holds = await holds
        if holds:
            return
        if clock() >= deadline:
            raise TooLate(f"waited {within_seconds:g} s for {subject}")
        await asyncio.sleep(min(pause, max(0.0, deadline - clock())))
        pause = min(pause * 1.5, max(every_seconds, LONGEST_PAUSE_SECONDS))
