"""Have a worker accept, and have one leave that accepts, over its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

from tenfold.agent import control
from tenfold.agent.handle import Process
from tenfold.agent.waiting import wait_for
from tenfold.errors import TenfoldError, UnitFailed
from tenfold.topology.process import Launch
from tenfold.wiring import control as words

ACCEPT_SECONDS = 5.0
CLOSE_SECONDS = 3.0
END_SECONDS = 5.0
SERVICE_RESTART = 1012  # RFC 6455 close code registered with IANA: come back, we are restarting.


class Declined(UnitFailed):
    """The worker says that it will not accept; asking again is pointless."""


async def accept(path: str, name: str) -> None:
    """Have the worker accept, and return when it does.

    Raises:
        Declined: it refuses.
        TargetError: it does not answer, or not do it, in time.
    """
    answer = await control.ask(path, order=words.ACCEPT)
    if not answer.get("ok"):
        raise Declined(f"{name} does not accept: {answer.get('error')}")

    async def accepting() -> bool:
        return (await control.ask(path, order=words.STATUS)).get("state") == words.ACCEPTING

    await wait_for(accepting, within_seconds=ACCEPT_SECONDS, subject=f"{name} to accept")


async def leave(process: Process, launch: Launch, until: float) -> str:
    """Quiesce, then close, then signal, then kill; each only if the one before did not do.

    Args:
        process: the worker.
        launch: how it was started.
        until: when its requests must be finished, in seconds since the epoch.

    Returns:
        How it went, in words.
    """
    if launch.control is not None:
        with contextlib.suppress(TenfoldError):  # Whoever does not answer is ended by signal.
            quiesced = await control.ask(launch.control, order=words.QUIESCE)
            if quiesced.get("ok"):
                if await _ends(process, until - time.time()):
                    return "finished its requests"
                await control.ask(launch.control, order=words.CLOSE, code=SERVICE_RESTART)
                if await _ends(process, CLOSE_SECONDS):
                    return "closed its long connections"
    # Without control its own signal is all the notice that it gets, so it has all its time then.
    within_seconds = launch.stop.within_seconds if launch.control is None else END_SECONDS
    await process.end(signal.Signals[launch.stop.signal], within_seconds)
    return "was ended by signal"


async def _ends(process: Process, within_seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, within_seconds)):
            await process.wait()
            return True
    return False
