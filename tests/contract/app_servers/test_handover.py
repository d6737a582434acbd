"""Switches between processes that share one listening socket, under load: nothing may fail."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.app_process import KINDS, AppProcess, Kind, Runtime
from tests.support.keepalive import Upstream

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

SWITCHES = 15
CLIENTS = 8


@asynccontextmanager
async def posting(upstream: Upstream) -> AsyncIterator[None]:
    """Clients that post without a pause or with a short one, so that connections idle as well."""
    stop = asyncio.Event()

    async def client(number: int) -> None:
        chance = random.Random(number)
        while not stop.is_set():
            await upstream.post(chance.randbytes(chance.randrange(1, 4096)))
            await asyncio.sleep(chance.choice((0, 0, 0.001, 0.005, 0.05)))

    async def reaper() -> None:
        while not stop.is_set():
            upstream.reap()
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number))
        group.create_task(reaper())
        try:
            yield
        finally:
            stop.set()
    upstream.close()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_no_post_fails_in_fifteen_switches(
    kind: Kind, runtime: Runtime, owned: socket.socket
) -> None:
    python = kind.python()

    def start(number: int) -> AppProcess:
        return runtime.start(python, owned, release=f"r{number}", **kind.settings)

    serving = await asyncio.to_thread(lambda: start(0).accept())
    left = []
    upstream = Upstream(owned.getsockname()[1])
    async with posting(upstream):
        for number in range(1, SWITCHES + 1):
            successor = start(number)
            await asyncio.to_thread(successor.accept)
            served = upstream.done
            assert await asyncio.to_thread(serving.order, control.QUIESCE) == {"ok": True}
            left.append(serving)
            serving = successor
            async with asyncio.timeout(60):
                while upstream.done < served + 100 or f"r{number}" not in upstream.releases:
                    await asyncio.sleep(0.01)
    codes = [await asyncio.to_thread(process.wait) for process in left]
    print(f"{kind.name}: {upstream.done} POSTs, {upstream.reused} on kept connections")
    assert upstream.failures == []
    assert codes == [0] * SWITCHES, [p.text() for p, code in zip(left, codes, strict=True) if code]
    assert len(upstream.releases) == SWITCHES + 1
    assert upstream.done >= SWITCHES * 100
