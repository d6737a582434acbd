"""Holding: a process stops accepting without leaving, and goes on later. Nothing may fail."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.contract.app_servers.conftest import Connect, Start
from tests.contract.app_servers.test_gunicorn import until_workers, workers
from tests.contract.app_servers.test_handover import posting
from tests.contract.app_servers.test_serving import ended, exit_code, until_active
from tests.contract.app_servers.test_uvicorn import hear, say, websocket
from tests.support.app_process import (
    GTHREAD,
    HYPERCORN,
    HYPERCORN_WSGI,
    KINDS,
    OLDEST_GTHREAD,
    OLDEST_HYPERCORN,
    OLDEST_SYNC,
    OLDEST_UVICORN,
    PLAIN_UVICORN,
    SYNC,
    UVICORN,
    AppProcess,
    Kind,
)
from tests.support.keepalive import Upstream

from tenfold.wiring import control

Status = dict[str, Any]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300), pytest.mark.few(6)]


def of(*kinds: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.name)


HOLDS = 15
HELD_SECONDS = 0.3


def drained(status: Status) -> bool:
    """As the control protocol defines it."""
    counts = (status["connections"], status["active"], status["tasks"])
    return status["state"] == "holding" and counts == (0, 0, 0)


async def ask(process: AppProcess, name: str = control.STATUS) -> Status:
    """One order, while the event loop goes on."""
    return await asyncio.to_thread(process.order, name)


async def until(process: AppProcess, wanted: Callable[[Status], bool], within: float = 30) -> None:
    """Wait for a status such as this."""
    last: Status = {}
    try:
        async with asyncio.timeout(within):
            while not wanted(last := await ask(process)):
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it stayed like this: {last}\n{process.text()}") from None


async def hold(process: AppProcess) -> None:
    """Hold it and wait until it runs nothing."""
    assert await ask(process, control.HOLD) == {"ok": True}
    await until(process, drained)


async def stays_drained(process: AppProcess, seconds: float = HELD_SECONDS) -> None:
    """It does so the whole time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = await ask(process)
        assert drained(status), status
        await asyncio.sleep(0.01)


@pytest.mark.sampled(2)
@of(*KINDS)
async def test_no_post_fails_in_fifteen_holds(
    kind: Kind, start: Start, nginx: int, tmp_path: Path
) -> None:
    executed = tmp_path / "executed"
    executed.touch()
    process = await asyncio.to_thread(start(kind, env={"EXECUTED": str(executed)}).accept)
    upstream = Upstream(nginx)
    took = []

    async def more(count: int) -> None:
        wanted = upstream.done + count
        async with asyncio.timeout(60):
            while upstream.done < wanted:
                await asyncio.sleep(0.005)

    async with posting(upstream):
        for number in range(HOLDS):
            await more(100)
            if number % 3:
                assert await ask(process, control.SETTLE) == {"ok": True}
                await until(process, lambda status: status["idle"] == 0)
            began = time.monotonic()
            await hold(process)
            took.append(time.monotonic() - began)
            before = executed.stat().st_size
            await stays_drained(process)
            assert executed.stat().st_size == before
            assert await ask(process, control.ACCEPT) == {"ok": True}
        await more(100)
    settled = [round(s, 3) for n, s in enumerate(took) if n % 3]
    print(f"{kind.name}: {upstream.done} POSTs; settled ones drained in {sorted(settled)} s")
    assert upstream.failures == []
    assert executed.stat().st_size == upstream.done


@of(UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, GTHREAD, OLDEST_GTHREAD, HYPERCORN, HYPERCORN_WSGI)
async def test_with_a_gate_what_comes_on_a_kept_connection_waits_too(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/")
    assert (await connection.receive()).status == 200
    gated = await asyncio.to_thread(process.order, control.HOLD, gate=True)
    assert gated == {"ok": True}
    await connection.send("GET", "/")
    answer = asyncio.create_task(connection.receive())
    await asyncio.sleep(HELD_SECONDS)
    assert not answer.done()
    status = await ask(process)
    assert (status["state"], status["oldest_seconds"]) == ("holding", 0.0), "it has not begun"
    assert await ask(process, control.ACCEPT) == {"ok": True}
    assert (await answer).status == 200


@of(UVICORN, GTHREAD)
async def test_a_process_that_leaves_answers_what_waited_at_its_gate(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/")
    await connection.receive()
    await asyncio.to_thread(process.order, control.HOLD, gate=True)
    await connection.send("GET", "/")
    answer = asyncio.create_task(connection.receive())
    await asyncio.sleep(HELD_SECONDS)
    assert not answer.done()
    await ask(process, control.QUIESCE)
    assert (await answer).status == 200
    assert await exit_code(process) == 0


@of(*KINDS)
async def test_a_slow_request_is_finished_and_only_then_it_is_drained(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    began = time.monotonic()
    await connection.send("GET", "/slow?seconds=1")
    answer = asyncio.create_task(connection.receive())
    await until_active(process)
    assert await ask(process, control.HOLD) == {"ok": True}
    # Until a worker says that it obeys, it counts as having a connection.
    await until(process, lambda status: (status["active"], status["connections"]) == (1, 1))
    assert (await ask(process))["state"] == "holding"
    await until(process, drained)
    assert time.monotonic() - began >= 1.0
    finished = await asyncio.wait_for(answer, 5)
    assert (finished.body, finished.headers["connection"].lower()) == (b"done", "close")
    assert await ended(connection)
    assert await ask(process, control.ACCEPT) == {"ok": True}


@of(*KINDS)
@pytest.mark.parametrize("way", ["quiesce", "SIGTERM"])
async def test_what_waits_at_a_held_process_that_leaves_is_answered_by_its_successor(
    kind: Kind, way: str, start: Start, connect: Connect
) -> None:
    process = start(kind, release="r1").accept()
    successor = start(kind, release="r2").warm()
    await hold(process)
    queued = [await connect() for _ in range(4)]
    for number, connection in enumerate(queued):
        await connection.send("POST", "/echo", f"{number}".encode())
    if way == "quiesce":
        assert await ask(process, control.QUIESCE) == {"ok": True}
    else:
        process.process.send_signal(signal.SIGTERM)
    assert await exit_code(process) == 0
    successor.order(control.ACCEPT)
    answers = [await asyncio.wait_for(connection.receive(), 30) for connection in queued]
    assert [a.body for a in answers] == [b"0", b"1", b"2", b"3"]
    assert {a.headers["tenfold-release"] for a in answers} == {"r2"}


@of(UVICORN, PLAIN_UVICORN, SYNC, GTHREAD, HYPERCORN, HYPERCORN_WSGI)
async def test_orders_that_come_at_the_wrong_time_change_nothing(kind: Kind, start: Start) -> None:
    process = start(kind).warm()
    assert process.order(control.HOLD) == {"ok": False, "error": "it is warm"}
    assert process.order(control.SETTLE) == {"ok": False, "error": "it is warm"}
    process.order(control.ACCEPT)
    await hold(process)
    await hold(process)
    assert process.order(control.SETTLE) == {"ok": False, "error": "it is holding"}
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200
    for _ in range(2):
        assert process.order(control.ACCEPT) == {"ok": True}
        assert process.order(control.STATUS)["state"] == "accepting"


@of(UVICORN, PLAIN_UVICORN, SYNC, GTHREAD, HYPERCORN, HYPERCORN_WSGI)
async def test_a_settled_process_accepts_and_closes_behind_each_answer(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    assert process.order(control.STATUS)["settled"] is False
    for _ in range(2):
        assert process.order(control.SETTLE) == {"ok": True}
    for body in (b"one", b"two"):
        connection = await connect()
        await connection.send("POST", "/echo", body)
        answer = await connection.receive()
        assert (answer.body, answer.headers["connection"].lower()) == (body, "close")
        assert await ended(connection)
    status = process.order(control.STATUS)
    assert (status["state"], status["settled"]) == ("accepting", True)
    assert process.order(control.ACCEPT) == {"ok": True}
    assert process.order(control.STATUS)["settled"] is False


@of(UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, GTHREAD, OLDEST_GTHREAD, HYPERCORN, HYPERCORN_WSGI)
async def test_connections_are_kept_again_after_a_hold(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    for body in (b"one", b"two", b"three"):
        await connection.send("POST", "/echo", body)
        answer = await connection.receive()
        assert answer.headers.get("connection", "keep-alive").lower() == "keep-alive"
        await until(process, lambda status: (status["idle"], status["connections"]) == (1, 1))
        assert await ask(process, control.HOLD) == {"ok": True}
        status = await ask(process)
        assert (status["state"], drained(status)) == ("holding", False)
        assert await ask(process, control.ACCEPT) == {"ok": True}


@of(UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, GTHREAD, OLDEST_GTHREAD, HYPERCORN, HYPERCORN_WSGI)
async def test_a_kept_connection_is_answered_once_more_while_holding_and_closed(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"one")
    await connection.receive()
    assert await ask(process, control.HOLD) == {"ok": True}
    await connection.send("POST", "/echo", b"two")
    answer = await asyncio.wait_for(connection.receive(), 10)
    assert (answer.body, answer.headers["connection"].lower()) == (b"two", "close")
    assert await ended(connection)
    await until(process, drained)


@of(UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, GTHREAD, OLDEST_GTHREAD, HYPERCORN, HYPERCORN_WSGI)
@pytest.mark.parametrize("order", [control.HOLD, control.SETTLE])
async def test_an_idle_connection_outlives_the_edges_patience_and_no_more(
    kind: Kind, order: str, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=3.0).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"one")
    await connection.receive()
    began = time.monotonic()
    assert await ask(process, order) == {"ok": True}
    assert await ended(connection)
    assert 2.0 < time.monotonic() - began < 10
    await until(process, lambda status: status["connections"] == 0)


@of(UVICORN, PLAIN_UVICORN, HYPERCORN)
async def test_the_idle_time_of_an_earlier_hold_does_not_count(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=1.0).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"one")
    await connection.receive()
    for _ in range(3):
        assert await ask(process, control.HOLD) == {"ok": True}
        await asyncio.sleep(0.5)
        assert await ask(process, control.ACCEPT) == {"ok": True}
    await connection.send("POST", "/echo", b"two")
    assert (await connection.receive()).body == b"two"


@of(UVICORN, GTHREAD, OLDEST_GTHREAD, HYPERCORN)
async def test_an_idle_connection_is_kept_as_long_as_ever_after_a_hold(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=1.0).accept()
    connection = await connect()
    await connection.send("POST", "/echo", b"one")
    await connection.receive()
    assert await ask(process, control.HOLD) == {"ok": True}
    await until(process, lambda status: status["idle"] == 1)
    assert await ask(process, control.ACCEPT) == {"ok": True}
    await asyncio.sleep(2.5)
    await connection.send("POST", "/echo", b"two")
    assert (await connection.receive()).body == b"two"


@of(UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, HYPERCORN, OLDEST_HYPERCORN)
async def test_a_websocket_is_closed_with_1012_and_a_new_one_lives_after_the_hold(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    talking = await websocket(connect)
    for _ in range(2):
        await say(talking, "hello")
        assert await hear(talking) == (1, b"HELLO")
        assert await ask(process, control.HOLD) == {"ok": True}
        await say(talking, "still here")
        assert await hear(talking) == (1, b"STILL HERE")
        status = await ask(process)
        assert (status["websockets"], status["tasks"], status["idle"]) == (1, 1, 0)
        assert await ask(process, control.CLOSE) == {"ok": True}
        opcode, payload = await hear(talking)
        assert (opcode, struct.unpack("!H", payload[:2])[0]) == (8, 1012)
        talking.close()
        await until(process, drained)
        assert await ask(process, control.ACCEPT) == {"ok": True}
        talking = await websocket(connect)
    # Longer than it takes to close one that should not be there.
    await asyncio.sleep(0.3)
    await say(talking, "hello again")
    assert await hear(talking) == (1, b"HELLO AGAIN")


@of(*KINDS)
async def test_an_event_stream_is_completed_and_a_new_one_lives_after_the_hold(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind, linger_seconds=1.0).accept()
    for _ in range(2):
        listening = await connect()
        await listening.send("GET", "/events", Accept="text/event-stream")
        for _ in range(10):
            await asyncio.wait_for(listening.reader.readuntil(b"tick"), 10)
        status = await ask(process)
        assert (status["active"], status["oldest_seconds"]) == (1, 0.0)
        assert await ask(process, control.HOLD) == {"ok": True}
        await listening.reader.readuntil(b"tick")
        assert await ask(process, control.CLOSE) == {"ok": True}
        rest = await asyncio.wait_for(listening.reader.readuntil(b"0\r\n\r\n"), 10)
        assert rest.endswith(b"\r\n0\r\n\r\n")
        listening.close()
        await until(process, drained)
        assert await ask(process, control.ACCEPT) == {"ok": True}


@of(UVICORN, SYNC, GTHREAD, HYPERCORN, HYPERCORN_WSGI)
async def test_a_stream_that_is_not_closed_goes_on_through_a_hold(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    listening = await connect()
    await listening.send("GET", "/events")
    for order in (control.SETTLE, control.HOLD, control.ACCEPT):
        await asyncio.wait_for(listening.reader.readuntil(b"tick"), 10)
        assert await ask(process, order) == {"ok": True}
    for _ in range(10):
        await asyncio.wait_for(listening.reader.readuntil(b"tick"), 10)
    listening.close()
    await until(process, lambda status: status["active"] == 0)


@of(UVICORN, PLAIN_UVICORN, OLDEST_UVICORN, HYPERCORN, OLDEST_HYPERCORN)
async def test_a_background_task_is_waited_for_without_its_connection(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/background")
    assert (await connection.receive()).body == b"ok"
    connection.close()
    assert await ask(process, control.HOLD) == {"ok": True}
    await until(process, lambda status: status["connections"] == 0)
    status = await ask(process)
    assert (status["tasks"], status["active"], drained(status)) == (1, 1, False)
    await until(process, drained)
    assert "background: done" in process.text()


@of(*KINDS)
async def test_it_is_known_for_how_long_the_oldest_request_has_been_running(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    assert process.order(control.STATUS)["oldest_seconds"] == 0.0
    began = time.monotonic()
    slow = await connect()
    await slow.send("GET", "/slow?seconds=1.5")
    await until_active(process)
    other = await connect()
    await other.send("GET", "/slow?seconds=0.3")
    await until(process, lambda status: status["active"] == 2)
    await until(process, lambda status: status["active"] == 1)
    first = process.order(control.STATUS)["oldest_seconds"]
    assert 0.3 <= first <= time.monotonic() - began
    await until(process, lambda status: status["oldest_seconds"] >= first + 0.3)
    assert (await slow.receive()).body == b"done"
    await until(process, lambda status: status["active"] == 0)
    assert process.order(control.STATUS)["oldest_seconds"] == 0.0


@of(SYNC, GTHREAD, OLDEST_SYNC, OLDEST_GTHREAD)
async def test_a_worker_that_is_killed_while_held_comes_back_held(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    await hold(process)
    queued = await connect()
    await queued.send("GET", "/")
    for victim in workers(process):
        os.kill(victim, signal.SIGKILL)
        await until_workers(process, victim)
    await until(process, drained)
    await stays_drained(process)
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200
    assert await ask(process, control.ACCEPT) == {"ok": True}
    answer = await asyncio.wait_for(queued.receive(), 30)
    assert json.loads(answer.body)["pid"] in workers(process)


@of(SYNC, GTHREAD)
async def test_a_worker_that_is_killed_at_work_does_not_count_for_ever(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/slow?seconds=60")
    await until_active(process)
    assert await ask(process, control.HOLD) == {"ok": True}
    for victim in workers(process):
        os.kill(victim, signal.SIGKILL)
    await until(process, drained)


@of(SYNC, GTHREAD, OLDEST_SYNC, OLDEST_GTHREAD)
async def test_no_worker_outlives_a_master_that_is_killed_while_held(
    kind: Kind, start: Start
) -> None:
    process = start(kind).accept()
    await hold(process)
    children = [psutil.Process(pid) for pid in workers(process)]
    os.kill(process.process.pid, signal.SIGKILL)
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 15)
    assert alive == []
