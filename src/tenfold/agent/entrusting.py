"""A server changes its keeper while it runs: from its agent to a process that looks after it, back.

A unit that *is* its server is ended with it. One whose process looks after a server that ran before
(Patroni on its leash) is told to end it instead, and its agent must neither take that server for
something left over nor end it with its keeper. So the record names it, as *spared*, before anything
else happens: whoever is killed, one of both has it, and the order is given again.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.agent import identity as ids
from tenfold.agent.diary import say
from tenfold.agent.handle import Process
from tenfold.agent.identity import Identity
from tenfold.agent.record import FOLDER, UnitRecord
from tenfold.errors import StepFailed, TargetError

if TYPE_CHECKING:
    from tenfold.agent.unit import Unit
    from tenfold.topology.process import UnitOrder

LEAVE = signal.SIGUSR1
"""Tells a keeper to leave its server running, and end."""
STOP = signal.SIGINT
STOP_SECONDS = 10.0


def entrust(unit: Unit, order: UnitOrder) -> None:
    """Declare the unit anew, with its process spared; its life goes on with the new declaration.

    Raises:
        TargetError: that could not be kept; it goes on as it was.
    """
    process = None if unit.process is None or unit.process.is_over else unit.process
    spared = unit.record.spared if process is None else process.identity
    runs, build = unit.order.launch.argv[0], unit.record.build
    known = unit.record.builds if build is None or process is None else {runs: build}
    _declare(unit, UnitRecord(order, ever_ready=True, spared=spared, builds=known), process)
    if process is not None:
        process.spare()
    unit.resume(None)


async def take_back(unit: Unit, order: UnitOrder, server: str, within_seconds: float) -> None:
    """Have the keeper leave, and declare the unit anew, which is the server itself then.

    Raises:
        StepFailed: no server runs, or its keeper does not leave; it goes on as it was.
        TargetError: something could not be kept; it goes on as it was.
    """
    keeper = None if unit.process is None or unit.process.is_over else unit.process
    found = _server(server)
    if found is None:
        unit.resume(keeper)
        raise StepFailed(f"{unit.name} looks after no server that runs now")
    _declare(unit, replace(unit.record, spared=found), keeper)
    if keeper is not None and not await _leaves(keeper, within_seconds):
        unit.resume(keeper)
        raise StepFailed(f"what looks after {unit.name} did not leave within {within_seconds:g} s")
    process = Process.adopt(found, unit.context.statuses)
    if process is None:
        unit.resume(None)
        raise StepFailed(f"the server of {unit.name} ended just when its keeper left it")
    build = unit.record.builds.get(order.launch.argv[0])
    fresh = UnitRecord(order, process=found, ready=True, ever_ready=True, build=build)
    _declare(unit, fresh, None)
    unit.resume(process)


async def end(unit: Unit, within_seconds: float | None) -> None:
    """End a server that its keeper left running; what has ended already is fine."""
    spared = unit.record.spared
    process = None if spared is None else Process.adopt(spared)
    if process is not None:
        say(f"ending the server of {unit.name}, which nobody looks after any more")
        bound = STOP_SECONDS if within_seconds is None else min(within_seconds, STOP_SECONDS)
        await process.end(STOP, bound)


def spared_builds(record: UnitRecord) -> Mapping[str, str]:
    """Which files a server is run from that was there before its keeper, if it still is."""
    return record.builds if record.spared is not None and ids.is_alive(record.spared) else {}


async def _leaves(keeper: Process, within_seconds: float) -> bool:
    keeper.spare()
    keeper.signal(LEAVE)
    try:
        async with asyncio.timeout(within_seconds):
            await keeper.wait()
    except TimeoutError:
        keeper.spare(all_of_it=False)
        return False
    return True


def _declare(unit: Unit, record: UnitRecord, process: Process | None) -> None:
    try:
        unit.context.store.write(FOLDER, unit.name, record.to_json())
    except TargetError:
        unit.resume(process)
        raise
    unit.record = record
    unit.process = process


def _server(path: str) -> Identity | None:
    """The server whose pid is in this file, if it runs and works in the file's directory."""
    try:
        pid = int(Path(path).read_text(encoding="utf-8").split("\n", 1)[0])
        works_in = Path(f"/proc/{pid}/cwd").resolve()
    except (OSError, ValueError):
        return None
    facts = ids.facts(pid)
    if facts is None or facts.zombie or works_in != Path(path).parent.resolve():
        return None
    nonce = "" if facts.marker is None else facts.marker.rpartition("/")[2]
    return Identity(pid, facts.started, ids.boot_id(), nonce)
