"""A request on a pooled connection that the site closes is a failed one, whatever its method."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tenfold.load import run_load

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ClosesOnTheSecond:
    """Answers the first request of a connection, keeps it open, closes at the second one's arrival.

    To a client it is the race of an idle timeout: the request and the close cross on the wire.
    """

    def __init__(self) -> None:
        self.received = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._request(reader)
        writer.write(ANSWER)
        await writer.drain()
        await self._request(reader)

    async def _request(self, reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.received += 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_the_load_counts_it_and_sends_nothing_twice(
    serve_raw: Any, plan: Any, method: str
) -> None:
    site = ClosesOnTheSecond()
    report = await run_load(plan({"method": method, "path": "/"}, rate=20), await serve_raw(site))
    assert (report.overall.due, site.received) == (10, 10)
    assert [failure.kind for failure in report.overall.failures] == ["closed without an answer"]
    # Every second one of a connection; on a busy machine more connections are open at once.
    assert 0 < report.overall.failed <= 5


async def test_the_same_site_looks_fine_to_a_session_as_aiohttp_makes_it(serve_raw: Any) -> None:
    """Without this the test above could pass for a server that never shows the fault."""
    site = ClosesOnTheSecond()
    url = await serve_raw(site)
    async with aiohttp.ClientSession() as session:
        for _ in range(4):
            async with session.get(url) as response:
                assert response.status == 200
                await response.read()
    assert site.received > 4


async def test_a_connection_that_the_site_closed_while_idle_is_not_used(
    serve_raw: Any, plan: Any
) -> None:
    """No race: the close was seen before the next request was due, so nothing was lost by it."""

    async def answers_and_closes(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()

    report = await run_load(plan(rate=20), await serve_raw(answers_and_closes))
    assert report.overall.succeeded == report.overall.due == 10
