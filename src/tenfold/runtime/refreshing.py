"""Another server leads: have the app let go of its connections to the one before.

What a pool has kept was ended with its server, and the pool does not know. Its next user would find
out, and that is a request that came when all was well again. See :mod:`.pools` for who is told.

What is left afterwards is counted by what the kernel says: a connection whose other end has closed
and that nobody here knows is of a driver, or of code, that Tenfold does not know.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any, Final

from . import diag, pools

WITHIN_SECONDS: Final = 3.0


def in_thread(message: dict[str, Any]) -> dict[str, Any]:
    """The answer of a process whose requests run in threads."""
    told = pools.tell(_port(message), None)
    faults = [fault for later in told.blocking if (fault := _attempt(later))]
    return _answer(told, faults, message)


async def in_loop(message: dict[str, Any]) -> dict[str, Any]:
    """The answer of a process whose requests run in this event loop, or in threads beside it."""
    loop = asyncio.get_running_loop()
    told = pools.tell(_port(message), loop)
    waits = [asyncio.wait_for(later(), WITHIN_SECONDS) for later in told.awaited]
    waits += [
        asyncio.wait_for(loop.run_in_executor(None, later), WITHIN_SECONDS)
        for later in told.blocking
    ]
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    faults = [_named(fault) for fault in outcomes if isinstance(fault, BaseException)]
    return _answer(told, faults, message)


def seen_from_outside(message: dict[str, Any], pids: Iterable[int]) -> dict[str, Any]:
    """The answer for processes that cannot be told: how many broken connections they have."""
    port = _port(message)
    unknown = sum(len(stale(port, pid)) for pid in pids)
    return {"ok": True, "refreshed": {}, "unknown": unknown, "faults": []}


def total(answers: list[dict[str, Any]], *, asked: int) -> dict[str, Any]:
    """One answer for several processes, of which not all may have answered."""
    kinds: dict[str, int] = {}
    for answer in answers:
        for kind, count in answer["refreshed"].items():
            kinds[kind] = kinds.get(kind, 0) + count
    faults = [fault for answer in answers for fault in answer["faults"]]
    if len(answers) < asked:
        faults.append(f"{asked - len(answers)} of {asked} processes did not answer")
    unknown = sum(answer["unknown"] for answer in answers)
    return {"ok": True, "refreshed": kinds, "unknown": unknown, "faults": faults}


def stale(port: int, pid: int) -> set[int]:
    """Sockets of a process to this port whose other end has closed, by their inodes.

    Empty where the system does not tell.
    """
    try:
        closed = diag.sockets((diag.CLOSE_WAIT,))
    except OSError:
        return set()
    return {s.inode for s in closed if s.peer_port == port} & diag.inodes(pid)


def _port(message: dict[str, Any]) -> int:
    """The endpoint's, which is all that is meant; 0 where it is not said."""
    return int(message.get("port") or 0)


def _answer(told: pools.Told, faults: list[str], message: dict[str, Any]) -> dict[str, Any]:
    port = _port(message)
    unknown = stale(port, os.getpid()) - set(map(_inode, told.kept)) if port else set()
    return {"ok": True, "refreshed": told.kinds, "unknown": len(unknown), "faults": faults}


def _inode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0


def _attempt(later: pools.Later) -> str | None:
    try:
        later()
    except Exception as fault:  # noqa: BLE001 - drivers raise errors of their own; it is told
        return _named(fault)
    return None


def _named(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}"
