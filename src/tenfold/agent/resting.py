"""A background worker that is to finish its jobs and then not to run, until somebody wakes it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tenfold.agent.diary import say
from tenfold.errors import StepFailed

if TYPE_CHECKING:
    from tenfold.agent.record import UnitRecord
    from tenfold.agent.unit import Unit

WORKER = "has finished its jobs, and waits for a deploy or a move to go on"
RELAY = "lets connections wait until somebody leads"


def name(unit: Unit) -> str:
    """What the task is called that sees a unit out, to be told from its life."""
    return f"{unit.name} rests"


def see_out(unit: Unit) -> asyncio.Task[None]:
    """Tell it to finish, watch it end, and have it rest then."""
    return asyncio.create_task(_see_out(unit), name=name(unit))


def until(record: UnitRecord) -> float | None:
    """When it works again by itself at the latest, in seconds since the epoch."""
    bound = record.rest_bound if record.resting else None
    return None if bound is None else time.time() + bound.left_seconds()


async def _see_out(unit: Unit) -> None:
    if unit.process is not None and not unit.process.is_over:
        unit.is_at("draining")
        unit.tell_to_finish()
        await unit.process.wait()
    unit.process = None
    unit.note(process=None, ready=False)
    unit.is_at("resting", WORKER if unit.order.pool is not None else RELAY)


async def ended(
    unit: Unit, ending: asyncio.Task[None], within_seconds: float, *, kills: bool
) -> str:
    """Wait until it rests; in words, how that went.

    Raises:
        StepFailed: the time is up, and it is not to be killed.
    """
    await asyncio.wait((ending,), timeout=within_seconds)
    if ending.done():
        return "finished its jobs"
    if not kills:
        raise StepFailed(f"{unit.name} has not finished its jobs within {within_seconds:g} s")
    process = unit.process
    if process is not None and not process.is_over:
        say(f"{unit.name}: killed, it did not end within {within_seconds:g} s of its signal")
        process.kill()
    await asyncio.wait((ending,))
    return f"was killed: it did not end within {within_seconds:g} s of its signal"
