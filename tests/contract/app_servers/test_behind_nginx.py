"""The same switches behind a real nginx, whose kept upstream connections are the hard part."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.app_servers.conftest import Start
from tests.contract.app_servers.test_handover import posting
from tests.support.app_process import (
    DOORED,
    GTHREAD,
    HYPERCORN,
    HYPERCORN_WSGI,
    PLAIN_UVICORN,
    SYNC,
    UVICORN,
    Kind,
)
from tests.support.keepalive import Upstream

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

SWITCHES = 10


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "kind",
    [UVICORN, PLAIN_UVICORN, SYNC, GTHREAD, HYPERCORN, HYPERCORN_WSGI, *DOORED],
    ids=lambda k: k.name,
)
async def test_no_post_fails_in_ten_switches(kind: Kind, start: Start, nginx: int) -> None:
    serving = await asyncio.to_thread(start(kind, release="r0").accept)
    left = []
    upstream = Upstream(nginx)
    async with posting(upstream):
        for number in range(1, SWITCHES + 1):
            successor = start(kind, release=f"r{number}")
            await asyncio.to_thread(successor.accept)
            served = upstream.done
            assert await asyncio.to_thread(serving.order, control.QUIESCE) == {"ok": True}
            left.append(serving)
            serving = successor
            async with asyncio.timeout(60):
                while upstream.done < served + 100 or f"r{number}" not in upstream.releases:
                    await asyncio.sleep(0.01)
    codes = [await asyncio.to_thread(process.wait) for process in left]
    print(f"{kind.name} behind nginx: {upstream.done} POSTs")
    assert upstream.failures == []
    assert codes == [0] * SWITCHES, [p.text() for p, code in zip(left, codes, strict=True) if code]
    assert len(upstream.releases) == SWITCHES + 1
