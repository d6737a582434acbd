"""What is particular to ASGI apps under uvicorn."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct

import pytest
from tests.contract.app_servers.conftest import Connect, Start
from tests.contract.app_servers.test_serving import counted, exit_code, until_active
from tests.support.app_process import APPS, HYPERCORN, PLAIN_UVICORN, UVICORN, Kind
from tests.support.keepalive import Connection

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
both = pytest.mark.parametrize(
    "kind", [UVICORN, PLAIN_UVICORN, HYPERCORN], ids=lambda kind: kind.name
)


async def websocket(connect: Connect) -> Connection:
    """A WebSocket to ``/talk``."""
    connection = await connect()
    key = base64.b64encode(os.urandom(16)).decode()
    await connection.send(
        "GET",
        "/talk",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key=key,
    )
    head = await connection.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"tenfold-release: r1" in head.lower()
    return connection


async def say(connection: Connection, text: str) -> None:
    """Send one masked text frame (RFC 6455, section 5.2)."""
    data, mask = text.encode(), b"mask"
    masked = bytes(b ^ mask[n % 4] for n, b in enumerate(data))
    connection.writer.write(bytes([0x81, 0x80 | len(data)]) + mask + masked)
    await connection.writer.drain()


async def hear(connection: Connection) -> tuple[int, bytes]:
    """Opcode and payload of the next short frame."""
    first, length = await asyncio.wait_for(connection.reader.readexactly(2), 10)
    return first & 0x0F, await connection.reader.readexactly(length & 0x7F)


@both
async def test_a_websocket_is_closed_with_1012(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    connection = await websocket(connect)
    await say(connection, "hello")
    assert await hear(connection) == (1, b"HELLO")
    assert process.order(control.STATUS)["websockets"] == 1
    process.order(control.QUIESCE)
    await say(connection, "still here")
    assert await hear(connection) == (1, b"STILL HERE")
    assert process.order(control.CLOSE, code=1001)["ok"] is False
    assert process.order(control.CLOSE, code=1012) == {"ok": True}
    opcode, payload = await hear(connection)
    assert (opcode, struct.unpack("!H", payload[:2])[0]) == (8, 1012)
    connection.close()
    assert await exit_code(process) == 0


@both
async def test_a_long_download_reaches_its_end(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/drip")
    await connection.reader.readuntil(b"x" * 10)
    process.order(control.QUIESCE)
    process.order(control.CLOSE, code=1012)
    rest = await asyncio.wait_for(connection.reader.readuntil(b"0\r\n\r\n"), 10)
    assert rest.count(b"x" * 10) == 9
    connection.close()
    assert await exit_code(process) == 0


@both
async def test_lifespan_and_background_tasks_come_to_their_end(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/background")
    assert (await connection.receive()).body == b"ok"
    process.order(control.QUIESCE)
    connection.close()
    assert await exit_code(process) == 0
    assert process.text().index("background: done") < process.text().index("lifespan: down")


@both
async def test_lifespan_state_reaches_requests_and_probes(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/", X_Forwarded_For="203.0.113.7")
    said = json.loads((await connection.receive()).body)
    connection.close()
    assert said["greeting"] == "hello from the lifespan"
    assert said["client"] == "203.0.113.7"
    probed = json.loads(process.order(control.PROBE, path="/", host="localhost")["body"])
    assert probed["greeting"] == said["greeting"]


@both
async def test_templates_not_paths_are_counted(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    connection = await connect()
    for number in range(5):
        await connection.send("GET", f"/items/{number}")
        await connection.receive()
        await connection.send("GET", f"/shop/items/{number}")
        await connection.receive()
    connection.close()
    found = await counted(process, 10)
    assert found == {"/items/{id}": {"2xx": 5}, "/shop/items/{id}": {"2xx": 5}}


@both
async def test_a_connection_that_never_asked_does_not_hold_up_the_end(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=0.5).accept()
    silent = await connect()
    async with asyncio.timeout(10):
        while process.order(control.STATUS)["connections"] == 0:
            await asyncio.sleep(0.01)
    process.order(control.QUIESCE)
    assert await exit_code(process) == 0
    silent.close()


def test_an_app_without_lifespan_starts(start: Start) -> None:
    process = start(UVICORN, entry="no_lifespan:app", cwd=APPS / "broken").warm()
    assert process.order(control.PROBE, path="/", host="localhost")["body"] == "plain"


def test_a_factory_is_called(start: Start) -> None:
    process = start(UVICORN, entry="asgi_app:create_app()").warm()
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200


def test_uvicorns_own_environment_variables_change_nothing(start: Start) -> None:
    process = start(UVICORN, env={"WEB_CONCURRENCY": "4", "FORWARDED_ALLOW_IPS": "*"}).warm()
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200


def test_nothing_accepts_again_after_quiesce(start: Start, connect: Connect) -> None:
    process = start(UVICORN).accept()

    async def keep_it_busy() -> dict[str, object]:
        connection = await connect()
        await connection.send("GET", "/slow?seconds=1")
        await until_active(process)
        process.order(control.QUIESCE)
        answer = process.order(control.ACCEPT)
        await connection.receive()
        connection.close()
        return answer

    assert asyncio.run(keep_it_busy())["ok"] is False
    assert process.wait(10) == 0


@both
async def test_an_error_costs_its_own_request_and_not_the_next_on_that_connection(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    for number in range(3):
        await connection.send("GET", "/fail")
        assert (await connection.receive()).status == 500
        await connection.send("POST", "/echo", b"%d" % number)
        assert (await connection.receive()).body == b"%d" % number
    connection.close()
    assert process.text().count("RuntimeError: this page is broken") == 3
