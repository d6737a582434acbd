"""Uploads and readers that are slow on purpose."""

import asyncio
import time
from typing import Any

from aiohttp import web

from tenfold.load import run_load


async def test_a_slow_upload_arrives_whole_and_slowly_and_is_not_charged_for_it(
    serve: Any, plan: Any
) -> None:
    took: list[float] = []
    sizes: list[int] = []

    async def receive(request: web.Request) -> web.Response:
        began = time.perf_counter()
        fields = await request.post()
        took.append(time.perf_counter() - began)
        file = fields["photo"]
        assert isinstance(file, web.FileField)
        sizes.append(len(file.file.read()))
        assert fields["title"] == "one"
        assert request.content_length is not None
        return web.Response(status=201)

    upload = {"size": "300kB", "over": "800ms", "field": "photo"}
    report = await run_load(
        plan(
            {"method": "POST", "path": "/", "form": {"title": "one"}, "upload": upload},
            rate=4,
            duration="1s",
        ),
        await serve(receive),
    )
    assert report.ok, report.overall.failures
    assert sizes == [300_000] * 4
    assert min(took) >= 0.7
    assert report.overall.latency_ms.max < 600  # beyond the 800 ms that it took on purpose


async def test_the_last_byte_of_a_slow_upload_goes_out_at_the_end_of_its_time(
    serve_raw: Any, plan: Any
) -> None:
    """Else what the site takes from then on would be hidden, up to a 20th of the upload's time."""
    size, over_seconds, answers_after_seconds = 64_000, 2, 0.08

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(size)
        await asyncio.sleep(answers_after_seconds)  # as an app that works on what it was sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    upload = {"size": f"{size}B", "over": f"{over_seconds}s"}
    report = await run_load(
        plan({"method": "PUT", "path": "/", "upload": upload}, rate=2), await serve_raw(receive)
    )
    assert report.ok, report.overall.failures
    assert report.overall.latency_ms.p50 >= answers_after_seconds * 1000 - 5


async def test_a_raw_upload_of_many_blocks_arrives_whole(serve: Any, plan: Any) -> None:
    sizes: list[int] = []

    async def receive(request: web.Request) -> web.Response:
        sizes.append(len(await request.read()))
        return web.Response()

    report = await run_load(
        plan({"method": "PUT", "path": "/", "upload": {"size": "5MiB"}}, rate=4),
        await serve(receive),
    )
    assert report.ok, report.overall.failures
    assert sizes == [5 * 2**20] * 2


async def test_a_slow_reader_takes_its_time_and_reads_everything(serve: Any, plan: Any) -> None:
    body = b"x" * 20_000_000  # more than the buffers of both sockets
    sent: list[float] = []

    async def send(request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        response = web.StreamResponse(headers={"content-length": str(len(body))})
        await response.prepare(request)
        await response.write(body)
        await response.write_eof()
        sent.append(time.perf_counter() - began)
        return response

    report = await run_load(plan({"path": "/", "read_over": "700ms"}, rate=2), await serve(send))
    assert report.ok, report.overall.failures
    assert report.overall.succeeded == 1
    assert sent[0] >= 0.3  # the site could not get rid of it faster


async def test_slow_requests_get_their_own_time_on_top_of_the_timeout(
    serve_raw: Any, plan: Any
) -> None:
    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(1_000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    upload = {"size": "1000B", "over": "1s"}
    report = await run_load(
        plan({"method": "PUT", "path": "/", "upload": upload}, rate=2, timeout="900ms"),
        await serve_raw(receive),
    )
    assert report.ok, report.overall.failures
