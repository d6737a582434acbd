"""What reaches the app, and what comes back."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib

import aiohttp
import pytest

pytestmark = pytest.mark.engine


async def test_requests_reach_the_app_as_they_are(edge, client):
    async with client.post("/a%2Fb/c;d?q=1&r=%20", data=b"x" * 5000) as answer:
        told = await answer.json()
    assert answer.status == 200
    assert told["method"] == "POST"
    assert told["path"] == "/a%2Fb/c;d?q=1&r=%20"
    assert told["bytes"] == 5000


async def test_nginx_has_nothing_to_complain_about(edge, client):
    async with client.get("/") as answer:
        assert answer.status == 200
    assert [x for x in edge.complaints() if "using inherited sockets" not in x] == []


async def test_websockets(edge, client):
    async with client.ws_connect("/talk") as talk:
        await talk.send_str("hello")
        assert (await talk.receive_str()) == "you said hello"


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
async def test_an_event_stream_is_not_held_back(edge, client, app, accept):
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    async with client.get("/stream", headers=headers) as answer:
        first = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 10)
        assert first == b"data: first\n\n"
        app.gate.set()
        assert await answer.content.readuntil(b"\n\n") == b"data: second\n\n"


async def test_an_answer_with_an_encoding_of_its_own_is_not_compressed(edge, client):
    """The app's way out where compression would betray a secret beside reflected input."""
    path = "/large?kind=text/html&encoding=identity"
    async with client.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert await answer.read() == b"hello " * 2000


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_an_answer_that_asks_for_it_is_not_held_back(edge, client, app, encoding):
    path, accept = "/stream?kind=text/plain&unbuffered=1", {"Accept-Encoding": encoding}
    async with client.get(path, headers=accept) as answer:
        coded = answer.headers.get("Content-Encoding") == "gzip"
        inflate = zlib.decompressobj(31).decompress if coded else bytes
        seen = b""
        async with asyncio.timeout(10):
            while seen != b"data: first\n\n":
                seen += inflate(await answer.content.readany())
        app.gate.set()
    assert coded == (encoding == "gzip")


@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/plain"])
async def test_answers_are_compressed(edge, client, kind):
    path = f"/large?kind={kind}"
    async with client.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
        body = await answer.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert gzip.decompress(body) == b"hello " * 2000
    async with client.get(path, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["Vary"]


async def test_the_app_says_its_own_errors(edge, client):
    async with client.get("/unavailable") as answer:
        assert (answer.status, await answer.text()) == (503, "the app's own words")
    async with client.get("/teapot") as answer:
        assert (answer.status, await answer.text()) == (418, "the app's own teapot")


async def test_an_absent_app_is_a_calm_502(edge, client, app):
    edge.app_port = 1
    edge.write()
    edge.signal("SIGHUP")
    async with asyncio.timeout(20):
        while True:
            async with client.get("/", headers={"Accept": "text/html"}) as answer:
                text = await answer.text()
            if answer.status == 502:
                break
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Back in a moment" in text
    assert answer.headers["X-Request-ID"] in text
    async with client.get("/") as answer:
        told = await answer.json()
    assert told["request_id"] == answer.headers["X-Request-ID"]
    async with client.get("/stream", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.status == 502
        assert (await answer.json())["error"] == "Back in a moment"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_no_request_is_sent_twice(edge, client, app, method):
    """The app broke off in the middle: it may have done what was asked, so nobody repeats it."""
    for _ in range(3):  # on a new connection and on ones that were kept
        async with client.get("/") as answer:
            assert answer.status == 200
    async with client.request(method, "/break-off", data=b"pay") as answer:
        assert answer.status == 502
    assert app.seen.count(f"{method} /break-off") == 1


async def test_too_large_a_body_is_refused_unread(edge, client, app):
    async with client.post("/upload", data=io.BytesIO(b"x" * ((1 << 20) + 1))) as answer:
        assert answer.status == 413
        told = await answer.json()
    assert told["error"] == "That is too large"
    assert app.seen == []


async def test_a_body_larger_than_memory_buffers_waits_on_disk(edge, client):
    async with client.post("/upload", data=io.BytesIO(b"x" * (1 << 20))) as answer:
        assert (await answer.json())["bytes"] == 1 << 20


async def test_the_private_paths_reveal_nothing(edge, client, app):
    async with client.get("/.tenfold/edge") as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    async with client.get("/.tenfold/error.html") as answer:
        assert answer.status == 404
    assert app.seen == []


async def test_http2_without_tls_beside_http1(edge):
    """Prior knowledge: RFC 9113, section 3.3. The request is written by hand: HPACK, RFC 7541."""
    if not edge.found.build.mixes_http2:
        pytest.skip("this nginx cannot speak both on one cleartext port")
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.settings.port)
    authority = b"\x41\x09localhost"
    block = b"\x82\x86\x84" + authority  # GET, http, /, :authority
    headers = len(block).to_bytes(3, "big") + b"\x01\x05" + (1).to_bytes(4, "big") + block
    settings = bytes(3) + b"\x04\x00" + bytes(4)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + headers)
    answered = b""
    async with asyncio.timeout(10):
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == 0x01:  # HEADERS
                assert payload[0] == 0x88  # :status 200
            if head[3] == 0x00:  # DATA
                answered += payload
            if head[3] in (0x00, 0x01) and head[4] & 0x01:  # END_STREAM
                break
    writer.close()
    assert b'"method": "GET"' in answered
    async with aiohttp.ClientSession() as client, client.get(edge.url) as answer:
        assert (answer.version.major, answer.version.minor) == (1, 1)
