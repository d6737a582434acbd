"""Have a worker accept, hold, settle, or leave, over its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from tenfold.agent import control
from tenfold.agent.handle import Exit, Process
from tenfold.agent.waiting import wait_for
from tenfold.errors import TenfoldError, UnitFailed
from tenfold.topology.process import Launch
from tenfold.wiring import control as words

ACCEPT_SECONDS = 5.0
HOLD_SECONDS = 2.0
HOLD_EVERY_SECONDS = 0.001
CLOSE_SECONDS = 3.0
END_SECONDS = 5.0
NOTICE_SECONDS = 2.0
OVER_SECONDS = 0.2
SERVICE_RESTART = 1012  # RFC 6455 close code registered with IANA: come back, we are restarting.
NOT_ACCEPTING = (words.HOLDING, words.WARM)


class Declined(UnitFailed):
    """The worker says that it will not do it; asking again is pointless."""


async def accept(path: str, name: str) -> None:
    """Have the worker accept, and return when it does.

    Raises:
        Declined: it refuses.
        TargetError: it does not answer, or not do it, in time.
    """
    async with control.conversation(path) as worker:
        answer = await worker.ask(order=words.ACCEPT)
        if not answer.get("ok"):
            raise Declined(f"{name} does not accept: {answer.get('error')}")

        async def accepting() -> bool:
            return (await worker.ask(order=words.STATUS)).get("state") == words.ACCEPTING

        await wait_for(accepting, within_seconds=ACCEPT_SECONDS, subject=f"{name} to accept")


async def hold(path: str, name: str, *, gate: bool = False) -> None:
    """Have the worker stop to accept and keep its place, and return when it has.

    A worker that has never accepted holds by doing nothing. With a ``gate`` requests that come on
    kept connections wait, too, where its server can do that.

    Raises:
        Declined: it accepts, and will not stop to.
        TargetError: it does not answer, or not do it, in time.
    """
    async with control.conversation(path, HOLD_SECONDS) as worker:
        gated = {"gate": True} if gate else {}
        answer = await worker.ask(HOLD_SECONDS, order=words.HOLD, **gated)

        async def holding() -> bool:
            status = await worker.ask(HOLD_SECONDS, order=words.STATUS)
            if status.get("state") in NOT_ACCEPTING:
                return True
            if not answer.get("ok"):
                raise Declined(f"{name} does not hold: {answer.get('error')}")
            return False

        await wait_for(
            holding,
            within_seconds=HOLD_SECONDS,
            subject=f"{name} to hold",
            every_seconds=HOLD_EVERY_SECONDS,
        )


async def close_endless(path: str) -> None:
    """End WebSockets and endless streams in order; they would outlast every wait.

    Raises:
        TargetError: the worker does not answer.
    """
    await control.ask(path, order=words.CLOSE, code=SERVICE_RESTART)


async def leave(process: Process, launch: Launch, within_seconds: float) -> str:
    """Quiesce, then close, then signal, then kill; each only if the one before did not do.

    Args:
        process: the worker.
        launch: how it was started.
        within_seconds: how long its requests may take to finish.

    Returns:
        How it went, in words.
    """
    deadline = asyncio.get_running_loop().time() + within_seconds
    if launch.control is not None:
        with contextlib.suppress(TenfoldError):  # Whoever does not answer is ended by signal.
            quiesced = await control.ask(launch.control, order=words.QUIESCE)
            if quiesced.get("ok"):
                if await ends(process, deadline - asyncio.get_running_loop().time()):
                    return f"finished its requests{_but(await process.wait())}"
                await close_endless(launch.control)
                if await ends(process, CLOSE_SECONDS):
                    return "closed its long connections"
    # Without control its own signal is all the notice that it gets, so it has all its time then.
    patience = launch.stop.within_seconds if launch.control is None else END_SECONDS
    await process.end(signal.Signals[launch.stop.signal], patience)
    return "was ended by signal"


def _but(exit_: Exit) -> str:
    if exit_.code == words.KILLED_EXIT_CODE:
        return "; its command ignored SIGTERM and was killed"
    return ""


async def stop(process: Process, launch: Launch, within_seconds: float) -> None:
    """End it for good: its requests finish, what is endless is closed at once; then it is gone.

    A worker that is asked over its control socket gets its signal shortly before its time is up,
    so that it can end in order what is left; any other process gets it at once.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + within_seconds
    notice_seconds = min(NOTICE_SECONDS, within_seconds / 2)
    if launch.control is not None:
        with contextlib.suppress(TenfoldError, TimeoutError):
            async with asyncio.timeout_at(deadline - notice_seconds):
                quiesced = await control.ask(launch.control, order=words.QUIESCE)
                if quiesced.get("ok"):
                    await close_endless(launch.control)
                    await process.wait()
                    return
    left = max(0.0, deadline - clock())
    await process.end(signal.Signals[launch.stop.signal], left)


async def outlast(process: Process, within_seconds: float) -> None:
    """Wait for the end of one that has been told to end; kill it when its time is up."""
    if not await ends(process, within_seconds):
        process.kill()
        await process.wait()


async def ends(process: Process, within_seconds: float) -> bool:
    """Whether it ends in this time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, within_seconds)):
            await process.wait()
            return True
    return False
