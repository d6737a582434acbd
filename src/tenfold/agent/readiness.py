"""Wait until a process answers its probe, or say why it never did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tenfold.agent import failure, probe
from tenfold.agent.handle import Exit, Process
from tenfold.topology.process import Launch

LONGEST_PAUSE_SECONDS = 0.5
_GROWTH = 1.3


async def until_ready(
    process: Process,
    launch: Launch,
    subject: probe.Subject,
    name: str,
    last_lines: Callable[[], Sequence[str]],
) -> None:
    """Ask the probe of ``launch`` until it says yes; at growing intervals.

    Raises:
        UnitFailed: the process ended, or said that it failed, or its time is up. Names the probe
            and its last answer, and shows the last lines of the log.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + launch.ready.within_seconds
    pause, answer = launch.ready.every_seconds, None
    watch = asyncio.create_task(process.wait())
    try:
        while True:
            answer = await _unless_over(watch, probe.ask(launch.ready, subject)) or answer
            if watch.done():
                exit_ = watch.result()
                raise failure.ended_before_ready(name, launch, exit_, answer, last_lines())
            assert answer is not None
            if answer.ready:
                return
            if answer.final or clock() >= deadline:
                raise failure.never_ready(name, launch, answer, last_lines())
            await asyncio.wait((watch,), timeout=pause)
            pause = min(pause * _GROWTH, LONGEST_PAUSE_SECONDS)
    finally:
        watch.cancel()


async def _unless_over(
    watch: asyncio.Task[Exit], asking: Coroutine[Any, Any, probe.Answer]
) -> probe.Answer | None:
    """The answer, or ``None`` when the process ended first."""
    task = asyncio.create_task(asking)
    try:
        await asyncio.wait((watch, task), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
