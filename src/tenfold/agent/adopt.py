"""What an agent does first: find what its predecessors left, keep what is known, end the rest."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable

from tenfold.agent import identity as ids
from tenfold.agent.diary import say
from tenfold.agent.handle import Process, kill_descendants
from tenfold.agent.host import RUNS, Host
from tenfold.agent.identity import Identity
from tenfold.agent.record import FOLDER, UnitRecord, from_json
from tenfold.agent.recover import recover
from tenfold.agent.store import Corrupt
from tenfold.agent.wire import from_wire
from tenfold.errors import TenfoldError

STRANGER_SECONDS = 5.0

Found = list[tuple[UnitRecord, Process | None]]


async def adopt(host: Host, held: dict[str, int]) -> None:
    """Have everything as the predecessor had it; ``held`` are descriptors that the keeper kept.

    A host that is closing only learns of its units' processes, in order to end them.
    """
    found: Found = [(record, _process(host, record)) for record in _read_records(host)]
    await _end_strangers(host, found)
    found = await _own_sockets(host, held, found)
    for record, process in found:
        await _take_over(host, record, process)
    alive = sum(process is not None for _, process in found)
    say(f"adopted {alive} of {len(found)} units")


def _read_records(host: Host) -> list[UnitRecord]:
    store = host.context.store
    records = []
    for name in store.names(FOLDER):
        try:
            try:
                records.append(from_json(store.read(FOLDER, name) or {}))
            except ValueError as fault:
                raise store.set_aside(FOLDER, name, str(fault)) from fault
        except Corrupt as fault:
            host.unreadable[name] = f"{fault.what}; {fault.changed}"
            say(host.unreadable[name])
    return records


def _process(host: Host, record: UnitRecord) -> Process | None:
    """The unit's process if exactly that one still runs and is the unit itself."""
    if record.process is None or record.phase != "run":
        return None
    if not host.context.is_ours(record.process.nonce):
        return None  # Another host's: this directory is a copy of its.
    process = Process.adopt(record.process, host.context.statuses)
    spared = record.spared
    if process is None and (spared is None or spared.nonce != record.process.nonce):
        kill_descendants(record.process, leader_held=False)
    return process


async def _end_strangers(host: Host, found: Found) -> None:
    """End what carries this host's marker, or was remembered, and is no adopted unit's."""
    kept = {process.identity.nonce for _, process in found if process is not None}
    kept |= {record.spared.nonce for record, _ in found if record.spared is not None}
    boot = ids.boot_id()
    strangers: dict[int, Identity] = {}
    for facts in ids.everyone():
        if facts.marker is not None and host.context.is_ours(facts.marker):
            nonce = facts.marker.rpartition("/")[2]
            strangers[facts.pid] = Identity(facts.pid, facts.started, boot, nonce)
    for identity in _remembered(host, found):
        if host.context.is_ours(identity.nonce) and ids.is_alive(identity):
            strangers[identity.pid] = identity
    ends = [_end(i) for i in strangers.values() if i.nonce not in kept]
    await asyncio.gather(*ends)
    for nonce in host.context.store.names(RUNS):
        host.context.store.delete(RUNS, nonce)


def _remembered(host: Host, found: Found) -> Iterable[Identity]:
    """Commands that were being run, for a unit's preparation or for a user."""
    for record, _ in found:
        if record.process is not None:
            yield record.process
    for nonce in host.context.store.names(RUNS):
        try:
            yield from_wire(Identity, host.context.store.read(RUNS, nonce))
        except Corrupt as fault:
            say(fault.what)
        except ValueError as fault:
            say(host.context.store.set_aside(RUNS, nonce, str(fault)).what)


async def _end(identity: Identity) -> None:
    process = Process.adopt(identity)
    if process is not None:
        say(f"ending process {identity.pid}, which an earlier agent left")
        await process.end(signal.SIGTERM, STRANGER_SECONDS)


async def _own_sockets(host: Host, held: dict[str, int], found: Found) -> Found:
    """Own every remembered socket again: from the keeper, else from a unit, else bound anew."""
    sockets = host.context.sockets
    for name, fd in held.items():
        sockets.inherit(name, fd)
    for name in sockets.names_remembered():
        try:
            if sockets.has(name) or _recovered(host, name, found):
                continue
        except Corrupt as fault:
            say(fault.what)
            continue
        found = [(r, await _end_user_of(name, r, process)) for r, process in found]
        try:
            sockets.fd(name)
        except TenfoldError as fault:
            say(f"{name}: {fault}")
    return found


def _recovered(host: Host, name: str, found: Found) -> bool:
    for record, process in found:
        passed = record.order.launch.sockets
        if process is not None and name in passed:
            fd = recover(process, passed.index(name))
            if fd is not None and host.context.sockets.take_over(name, fd):
                say(f"recovered the socket {name} from {record.order.name}")
                return True
    return False


async def _end_user_of(name: str, record: UnitRecord, process: Process | None) -> Process | None:
    if process is None or name not in record.order.launch.sockets:
        return process
    say(f"{record.order.name} has the socket {name}, which nobody else may take: ending it")
    await _end_unit(record, process)
    return None


async def _take_over(host: Host, record: UnitRecord, process: Process | None) -> None:
    unit = host.new_unit(record)
    host.units[unit.name] = unit
    if record.leaving:
        unit.adopt_leaving(process)
        return
    if host.closing:
        unit.process = process
        return
    if record.resting:
        unit.adopt_resting(process)
        return
    if process is not None and record.stale:
        await _end_unit(record, process)
        process = None
    unit.resume(process)


async def _end_unit(record: UnitRecord, process: Process) -> None:
    stop = record.order.launch.stop
    await process.end(signal.Signals[stop.signal], stop.within_seconds)
