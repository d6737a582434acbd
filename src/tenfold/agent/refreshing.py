"""Have a pool's workers let go of connections to a database server that is gone.

Each is asked to do it itself (:mod:`tenfold.runtime.refreshing`). One that cannot, or that has
broken connections left which nobody there knows of, is started anew if it is held or only warm:
nobody notices but that it takes longer. So is one that does not hear, and nobody waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tenfold.agent import control, serving
from tenfold.agent.control import NoAnswer
from tenfold.agent.deaf import PROMPT_SECONDS
from tenfold.agent.diary import say
from tenfold.agent.waiting import wait_for
from tenfold.errors import TenfoldError
from tenfold.wiring import control as words

if TYPE_CHECKING:
    from tenfold.agent.host import Host
    from tenfold.agent.unit import Unit

ANSWER_SECONDS = 5.0
UNSEEN = ("holding", "warm")
"""States in which nobody notices that a worker is started anew."""
END_SECONDS = 2.0
"""How long a worker that is held may take to end before another one takes its place."""


async def refresh(host: Host, pool: str, port: int) -> dict[str, Any]:
    """See :meth:`HostAgent.refresh`."""
    # Those that are only warm, too: they have connections, and accept in a moment.
    members = [u for u in host.members(pool) if not u.record.leaving]
    renewed = await asyncio.gather(*(_refresh(host, unit, port) for unit in members))
    return {"members": len(members), "renewed": sum(renewed)}


async def _refresh(host: Host, unit: Unit, port: int) -> bool:
    """Whether it had to be started anew."""
    path, deaf = unit.order.launch.control, host.holds.deaf
    if path is None or not unit.is_ready:
        return False  # It comes up with connections of its own.
    if _is_to_hold(host, unit):
        await deaf.hold([unit])
    if _is_to_hold(host, unit):
        deaf.start_anew(unit, "it does not hold, and may have broken connections")
        return True
    try:
        answer = await control.ask(path, ANSWER_SECONDS, order=words.REFRESH, port=port)
    except NoAnswer as silence:
        answer = {"ok": False, "error": silence.what}
    why = why_not(answer)
    if why is None:
        return False
    if unit.state not in UNSEEN:
        say(f"{unit.name} may have broken connections: {why}")
        return False
    try:
        await _renew(host, unit, path, why)
    except TenfoldError as fault:
        say(f"{unit.name} did not come back in time: {fault.what}")
    return True


def _is_to_hold(host: Host, unit: Unit) -> bool:
    """Whether it accepts, or will when it is free, though it is to hold while nobody leads."""
    return unit.state == "running" and host.holds.gates(unit.name)


async def _renew(host: Host, unit: Unit, path: str, why: str) -> None:
    """Have its process finish, and another one come up in its place.

    Raises:
        TargetError: nobody comes up in time.
    """
    process = unit.process
    if process is None or process.is_over:
        return
    unit.note(told=process.identity.nonce)  # That it ends is no crash.
    try:
        await control.ask(path, PROMPT_SECONDS, order=words.QUIESCE)
    except NoAnswer:
        host.holds.deaf.start_anew(unit, why)
        return
    say(f"{unit.name} is started anew: {why}")
    await serving.outlast(process, END_SECONDS)
    await wait_for(
        lambda: unit.process is not process and unit.is_ready,
        within_seconds=unit.order.launch.ready.within_seconds,
        subject=f"{unit.name} to be ready",
    )


def why_not(answer: Mapping[str, Any]) -> str | None:
    """Why a worker may have broken connections after this answer; ``None`` if it has none. Pure."""
    if not answer.get("ok"):
        return f"it cannot refresh them: {answer.get('error')}"
    if answer.get("unknown"):
        return f"{answer['unknown']} broken connections are not of a pool that is known"
    if answer.get("faults"):
        return "; ".join(map(str, answer["faults"]))
    return None
