"""What every app server promises between its start and its end, on real sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import time
from pathlib import Path

import pytest
from tests.contract.app_servers.conftest import Connect, Start
from tests.support.app_process import (
    APPS,
    DOORED,
    GTHREAD,
    HYPERCORN,
    HYPERCORN_WSGI,
    OLDEST_GTHREAD,
    OLDEST_UVICORN,
    PLAIN_UVICORN,
    SYNC,
    UVICORN,
    AppProcess,
    Kind,
)
from tests.support.keepalive import Connection

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180), pytest.mark.few(8)]
every = pytest.mark.parametrize(
    "kind",
    [UVICORN, PLAIN_UVICORN, SYNC, GTHREAD, HYPERCORN, HYPERCORN_WSGI],
    ids=lambda kind: kind.name,
)
anybody = pytest.mark.parametrize(
    "kind",
    [UVICORN, PLAIN_UVICORN, SYNC, GTHREAD, HYPERCORN, HYPERCORN_WSGI, *DOORED],
    ids=lambda kind: kind.name,
)
keeping = pytest.mark.parametrize(
    "kind",
    [UVICORN, PLAIN_UVICORN, GTHREAD, HYPERCORN, HYPERCORN_WSGI],
    ids=lambda kind: kind.name,
)
unread = pytest.mark.parametrize(
    "kind", [UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, GTHREAD, OLDEST_GTHREAD], ids=lambda k: k.name
)


async def until_active(process: AppProcess, count: int = 1) -> None:
    """Wait until this many requests are being answered."""
    async with asyncio.timeout(30):
        while process.order(control.STATUS)["active"] < count:
            await asyncio.sleep(0.01)


async def counted(process: AppProcess, count: int) -> dict[str, dict[str, int]]:
    """Classes of answers by route, once this many are counted: that is after they were sent."""
    async with asyncio.timeout(30):
        while True:
            answer = process.order(control.METRICS)
            assert answer["ok"]
            found = {r["route"]: r["classes"] for r in answer["routes"]}
            if sum(n for classes in found.values() for n in classes.values()) == count:
                return found
            await asyncio.sleep(0.01)


async def ended(connection: Connection) -> bool:
    """The server has closed the connection without a word more."""
    return await asyncio.wait_for(connection.reader.read(), 30) == b""


async def exit_code(process: AppProcess) -> int:
    """The exit code, while the event loop goes on closing connections."""
    return await asyncio.to_thread(process.wait, 30)


@anybody
async def test_a_warm_process_does_not_accept(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).warm()
    connection = await connect()
    await connection.send("POST", "/echo", b"early bird")
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200
    status = process.order(control.STATUS)
    assert (status["state"], status["connections"], status["requests"]) == ("warm", 0, 0)
    process.order(control.ACCEPT)
    assert (await connection.receive()).body == b"early bird"
    assert process.order(control.STATUS)["state"] == "accepting"
    connection.close()


@every
async def test_an_answer_names_the_release(kind: Kind, start: Start, connect: Connect) -> None:
    start(kind, release="4f2c1d9").accept()
    connection = await connect()
    await connection.send("GET", "/", X_Request_ID="abc-1", X_Forwarded_Proto="https")
    answer = await connection.receive()
    connection.close()
    assert answer.headers["tenfold-release"] == "4f2c1d9"
    said = json.loads(answer.body)
    assert said["request_id"] == "abc-1"
    assert said["scheme"] == "https"


@every
async def test_the_app_sees_what_it_would_see_without_us(
    kind: Kind, start: Start, connect: Connect
) -> None:
    start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/")
    said = json.loads((await connection.receive()).body)
    connection.close()
    assert said["path"] == [str(APPS)]
    assert said["argv"] == [kind.settings["server"], kind.settings["entry"]]
    assert said["modules"] == []


@every
def test_the_apps_modules_may_have_any_name(kind: Kind, start: Start, tmp_path: Path) -> None:
    entry, _, _ = kind.settings["entry"].partition(":")
    text = (APPS / f"{entry}.py").read_text()
    for name in ("board", "runtime", "settings", "state", "wiring", "wsgi", "asgi", "probe"):
        (tmp_path / f"{name}.py").write_text("mine = True\n")
        text = f"import {name}\nassert {name}.mine\n{text}"
    (tmp_path / "main.py").write_text(text)
    # What the servers themselves import; under their own commands too the app comes later.
    (tmp_path / "click.py").write_text("raise RuntimeError('not for you')\n")
    process = start(kind, entry="main:app", cwd=tmp_path).warm()
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200


@every
def test_a_probe_asks_the_app_itself(kind: Kind, start: Start) -> None:
    process = start(kind).warm()
    answer = process.order(control.PROBE, path="/", host="localhost")
    assert (answer["ok"], answer["status"]) == (True, 200)
    assert "argv" in answer["body"]
    assert 0 < answer["seconds"] < 10
    assert process.order(control.PROBE, path="/nowhere", host="localhost")["status"] == 404
    assert process.order(control.METRICS)["routes"] == []


@every
def test_a_probe_tells_what_the_app_raised(kind: Kind, start: Start) -> None:
    answer = start(kind).warm().order(control.PROBE, path="/fail", host="localhost")
    assert answer["status"] == 500
    assert 'raise RuntimeError("this page is broken")' in answer["traceback"]
    assert "_tenfold" not in answer["traceback"]


@anybody
def test_an_unknown_order_is_refused(kind: Kind, start: Start) -> None:
    process = start(kind).warm()
    assert process.order("dance")["ok"] is False
    assert process.order(control.STATUS)["ok"] is True


@anybody
def test_quiesce_ends_a_process_without_connections(kind: Kind, start: Start) -> None:
    process = start(kind).accept()
    assert process.order(control.QUIESCE) == {"ok": True}
    assert process.wait(10) == 0


@anybody
def test_quiesce_ends_a_process_that_never_accepted(kind: Kind, start: Start) -> None:
    process = start(kind).warm()
    assert process.order(control.QUIESCE) == {"ok": True}
    assert process.wait(10) == 0


@anybody
async def test_a_slow_answer_is_finished(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/slow?seconds=1")
    await until_active(process)
    process.order(control.QUIESCE)
    process.order(control.CLOSE, code=1012)
    answer = await connection.receive()
    assert (answer.body, answer.headers["connection"].lower()) == (b"done", "close")
    assert await ended(connection)
    connection.close()
    assert await exit_code(process) == 0


@anybody
async def test_a_slow_upload_is_finished(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    connection = await connect()
    size = 40 * 10_000
    head = f"POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: {size}\r\n\r\n"
    connection.writer.write(head.encode() + b"x" * 10_000)
    await until_active(process)
    process.order(control.QUIESCE)
    for _ in range(39):
        connection.writer.write(b"x" * 10_000)
        await connection.writer.drain()
        await asyncio.sleep(0.02)
    assert json.loads((await connection.receive()).body) == {"bytes": size}
    connection.close()
    assert await exit_code(process) == 0


@anybody
async def test_a_large_answer_arrives_whole(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind, linger_seconds=1.0).accept()
    connection = await connect()
    await connection.send("GET", "/huge")
    await connection.reader.readexactly(100)
    process.order(control.QUIESCE)
    rest = await asyncio.wait_for(connection.reader.read(), 30)
    connection.close()
    for number in range(256):
        assert rest.count(bytes([number]) * 4096) >= 15
    assert await exit_code(process) == 0


@every
async def test_an_endless_stream_ends_in_order(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind, linger_seconds=1.0).accept()
    connection = await connect()
    await connection.send("GET", "/events")
    await connection.reader.readuntil(b"tick")
    process.order(control.QUIESCE)
    await connection.reader.readuntil(b"tick")
    process.order(control.CLOSE, code=1012)
    rest = await asyncio.wait_for(connection.reader.readuntil(b"0\r\n\r\n"), 10)
    assert rest.endswith(b"\r\n0\r\n\r\n")
    connection.close()
    assert await exit_code(process) == 0


@keeping
async def test_a_kept_connection_is_answered_once_more_and_closed(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"one")
    first = await connection.receive()
    assert first.headers.get("connection", "keep-alive").lower() == "keep-alive"
    process.order(control.QUIESCE)
    await connection.send("POST", "/echo", b"two")
    second = await connection.receive()
    assert (second.body, second.headers["connection"].lower()) == (b"two", "close")
    assert await ended(connection)
    connection.close()
    assert await exit_code(process) == 0


@keeping
async def test_an_idle_connection_outlives_the_edges_patience(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=3.0).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"one")
    await connection.receive()
    began = asyncio.get_running_loop().time()
    process.order(control.QUIESCE)
    assert await ended(connection)
    connection.close()
    assert 2.0 < asyncio.get_running_loop().time() - began < 10
    assert await exit_code(process) == 0


@keeping
async def test_requests_that_were_sent_together_are_all_answered(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    slow = b"POST /slow?seconds=0.5 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    echo = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    connection.writer.write(slow + echo + b"two" + echo + b"end")
    await until_active(process)
    process.order(control.QUIESCE)
    bodies = [(await connection.receive()).body for _ in range(3)]
    assert bodies == [b"done", b"two", b"end"]
    assert await ended(connection)
    connection.close()
    assert await exit_code(process) == 0


@keeping
async def test_a_small_answer_on_a_kept_connection_is_not_held_back(
    kind: Kind, start: Start, connect: Connect
) -> None:
    """Without TCP_NODELAY each waits for a delayed acknowledgement, 40 ms on Linux."""
    start(kind).accept()
    connection = await connect()
    took = []
    for _ in range(30):
        began = time.perf_counter()
        await connection.send("POST", "/echo", b"ping")
        await connection.receive()
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.03


@unread
async def test_an_answer_to_an_unread_upload_is_not_lost(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=1.0).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"before")
    await connection.receive()
    process.order(control.QUIESCE)
    # Of more than 64 kB gunicorn 27 gives up the connection, in order, when it has answered.
    size = 60_000
    head = f"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
    connection.writer.write(head + b"x" * 10_000)
    answer = await connection.receive()
    assert answer.body == b"no, thank you"
    connection.writer.write(b"x" * (size - 10_000))
    await connection.writer.drain()
    await connection.send("POST", "/echo", b"after")
    assert (await connection.receive()).body == b"after"
    connection.close()
    assert await exit_code(process) == 0


@anybody
async def test_sigterm_lets_requests_finish(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/slow?seconds=1")
    await until_active(process)
    process.process.send_signal(signal.SIGTERM)
    assert (await connection.receive()).body == b"done"
    connection.close()
    assert await exit_code(process) == 0


@anybody
async def test_sigterm_has_a_bound(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind, drain_seconds=2.0).accept()
    connection = await connect()
    await connection.send("GET", "/slow?seconds=60")
    await until_active(process)
    process.process.send_signal(signal.SIGTERM)
    assert await exit_code(process) == 0
    connection.close()


@anybody
async def test_sigterm_after_the_drain_does_not_wait_again(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, drain_seconds=60.0).accept()
    connection = await connect()
    await connection.send("GET", "/slow?seconds=60")
    await until_active(process)
    process.order(control.QUIESCE)
    process.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 4.8) == 0


@anybody
async def test_bodiless_answers(kind: Kind, start: Start, connect: Connect) -> None:
    start(kind).accept()
    connection = await connect()
    await connection.send("HEAD", "/")
    assert (await connection.receive("HEAD")).status == 200
    connection.close()


@every
async def test_metrics_are_bounded_by_routes(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    for path in ("/", "/", "/guess-1", "/guess-2", "/fail"):
        connection = await connect()
        await connection.send("GET", path)
        await connection.receive()
        connection.close()
    found = await counted(process, 5)
    if kind.settings["entry"].startswith("asgi"):
        assert found["/"] == {"2xx": 2}
        assert found["/fail"] == {"5xx": 1}
        assert found["unmatched"] == {"4xx": 2}
    else:
        assert found == {"unmatched": {"2xx": 2, "4xx": 2, "5xx": 1}}
    assert process.order(control.STATUS)["requests"] == 5
