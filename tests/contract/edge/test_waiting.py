"""An election that takes as long as a lease: 200 requests a second wait, and none of them fails."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest
from tests.contract.edge.conftest import Edge
from tests.support.edge import builds, nobodys_folder

from tenfold.engines.nginx import Found
from tenfold.topology.process import Listen

pytestmark = [pytest.mark.engine, pytest.mark.few(0), pytest.mark.timeout(180)]

RATE = 200
ELECTION_SECONDS = 25.0
"""Patroni's lease is 20 s; the rest is for whoever notices, and for the election."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def ask(port: int) -> float:
    """How long a request took; raises when it fails."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n")
    writer.write(b"Connection: close\r\n\r\n")
    status = await reader.readline()
    await reader.read()
    writer.close()
    assert status.split()[1] == b"200", status
    return time.monotonic() - began


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("found", builds())
async def test_the_queue_is_long_enough_for_an_election(found: Found) -> None:
    listens = Listen("app", "127.0.0.1", 0)
    with (
        nobodys_folder() as root,
        socket.create_server((listens.address, 0), backlog=listens.backlog) as held,
    ):
        edge = Edge(Path(root), found, held.getsockname()[1])
        edge.start()
        try:
            began, tasks = time.monotonic(), []
            for number in range(int(RATE * ELECTION_SECONDS)):
                await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
                tasks.append(asyncio.create_task(ask(edge.settings.port)))
            server = await asyncio.start_server(answer, sock=held)
            async with server:
                times = await asyncio.gather(*tasks)
            assert len(times) == RATE * ELECTION_SECONDS
            assert max(times) < 2 * ELECTION_SECONDS
        finally:
            edge.kill_group()
            edge.listener.close()
