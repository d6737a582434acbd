"""The open loop against real servers."""

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tenfold.errors import LoadError, Refused
from tenfold.load import Ledger, Progress, read_ledger, run_load

WRITE = {"name": "write", "method": "POST", "path": "/c", "json": {"b": "{id}"}, "ledger": True}


async def fine(request: web.Request) -> web.Response:
    return web.json_response({"path": request.path})


async def test_every_request_that_is_due_is_sent_and_counted(serve: Any, plan: Any) -> None:
    seen: Counter[str] = Counter()

    async def count(request: web.Request) -> web.Response:
        seen[request.method] += 1
        return await fine(request)

    report = await run_load(
        plan({"path": "/a", "weight": 3}, {"method": "POST", "path": "/b", "json": {}}),
        await serve(count),
    )
    assert report.overall.due == report.overall.succeeded == 50
    assert [request.name for request in report.requests] == ["GET /a", "POST /b"]
    assert [request.succeeded for request in report.requests] == [seen["GET"], seen["POST"]]
    assert sum(second.due for second in report.timeline) == 50
    assert report.ok
    assert 0 < report.overall.latency_ms.p50 <= report.overall.latency_ms.max
    assert report.overall.failed_share_at_most == pytest.approx(3 / 50)
    assert report.generator.cpu_share > 0
    json.dumps(report.to_json())


async def test_a_stalled_site_is_charged_for_every_request_that_was_due_meanwhile(
    serve: Any, plan: Any
) -> None:
    """No coordinated omission: 50 requests were due in 0.5 s, so 25 waited more than 0.25 s."""
    opens_at = 0.0

    async def stalls(request: web.Request) -> web.Response:
        nonlocal opens_at
        now = time.perf_counter()
        opens_at = opens_at or now + 1.0
        if opens_at - 0.5 <= now < opens_at:
            await asyncio.sleep(opens_at - now)
        return web.Response()

    report = await run_load(
        plan({"method": "POST", "path": "/"}, duration="1500ms"), await serve(stalls)
    )
    assert report.overall.succeeded == 150
    assert report.timeline[0].due in (99, 100)
    # the slowest tenth, 15 requests, were due in the first 0.15 s of the stall
    assert report.overall.latency_ms.p90 >= 300
    assert report.overall.latency_ms.max >= 450
    assert report.writes.longest_stall_ms >= 450
    assert report.writes.longest_stall_at_seconds == pytest.approx(0.5, abs=0.1)
    assert report.generator.most_in_flight >= 40


async def test_the_generators_own_lateness_is_charged_and_confessed(serve: Any, plan: Any) -> None:
    blocked = False

    async def blocks_the_generator(request: web.Request) -> web.Response:
        nonlocal blocked
        if not blocked:
            blocked = True
            time.sleep(0.3)  # the load runs on this loop, so nothing can be sent meanwhile
        return web.Response()

    report = await run_load(plan(), await serve(blocks_the_generator))
    assert report.overall.succeeded == report.overall.due == 50
    assert report.generator.lateness_ms.max >= 250
    assert report.overall.latency_ms.p50 > report.overall.service_ms.p50 + 10
    assert any("bottleneck" in warning for warning in report.warnings)


async def test_what_exceeds_max_in_flight_is_a_failure_and_not_dropped(
    serve: Any, plan: Any
) -> None:
    release = asyncio.Event()

    async def waits(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    def free(progress: Progress) -> None:
        if progress.failed:
            release.set()

    report = await run_load(
        plan(max_in_flight=10, duration="2s"), await serve(waits), on_progress=free
    )
    overall = report.overall
    assert (overall.due, overall.succeeded + overall.failed) == (200, 200)
    assert [failure.kind for failure in overall.failures] == ["client saturated"]
    assert report.generator.not_sent == overall.failed > 50
    assert report.generator.most_in_flight == 10
    assert any("max_in_flight" in warning for warning in report.warnings)
    assert not report.ok


@pytest.mark.parametrize(
    ("connections", "expected"), [("keep-alive", range(1, 20)), ("fresh", range(50, 51))]
)
async def test_connections_are_kept_or_fresh(
    serve_raw: Any, plan: Any, connections: str, expected: range
) -> None:
    opened = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    report = await run_load(plan(connections=connections), await serve_raw(answer))
    assert report.overall.succeeded == 50
    assert opened in expected


@pytest.mark.parametrize(
    ("status", "expect", "failed"),
    [(200, [], 0), (303, [], 0), (404, [], 50), (500, [], 50), (404, [404], 0), (200, [201], 50)],
)
async def test_which_statuses_fail(
    serve: Any, plan: Any, status: int, expect: list[int], failed: int
) -> None:
    async def answer(request: web.Request) -> web.Response:
        headers = {"location": "/elsewhere"} if status == 303 else {}
        return web.Response(status=status, text="because of this", headers=headers)

    report = await run_load(plan({"path": "/", "expect": expect}), await serve(answer))
    assert report.overall.failed == failed
    if failed:
        assert report.overall.failures[0].kind == f"status {status}"
        assert report.overall.failed_share_at_most is None
    if status >= 400 and failed:
        assert report.overall.failures[0].example == "because of this"


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(1)
    linger_zero = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)


async def cuts_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    await writer.drain()


async def cuts_off_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await writer.drain()


async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 smtp.example.org ESMTP\r\n\r\n")
    await writer.drain()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (closes_at_once, "closed without an answer"),
        (resets, "connection reset"),
        (cuts_off, "answer cut off"),
        (cuts_off_chunks, "answer cut off"),
        (babbles, "answer is not HTTP"),
        (silent, "timeout"),
    ],
)
async def test_each_way_to_fail_has_its_kind_and_leaves_the_outcome_unknown(
    serve_raw: Any,
    plan: Any,
    tmp_path: Path,
    behaviour: Callable[..., Awaitable[None]],
    kind: str,
) -> None:
    with Ledger(tmp_path / "l", "1f3a9c2e") as ledger:
        report = await run_load(
            plan({**WRITE}, timeout="300ms"), await serve_raw(behaviour), ledger=ledger
        )
    assert {failure.kind: failure.count for failure in report.overall.failures} == {kind: 50}
    assert set(read_ledger(tmp_path / "l").outcomes.values()) == {"unknown"}
    assert report.writes.longest_stall_ms >= 400  # none was acknowledged in half a second


async def test_a_site_that_is_not_there(plan: Any, unused_tcp_port: int) -> None:
    report = await run_load(plan(), f"http://127.0.0.1:{unused_tcp_port}")
    assert report.overall.failures[0].kind == "connection not made"
    assert report.overall.failed == 50


async def test_stopping_ends_the_sending_and_reports_what_there_was(serve: Any, plan: Any) -> None:
    stop = asyncio.Event()
    told: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        told.append(progress)
        stop.set()

    began = time.perf_counter()
    report = await run_load(
        plan(duration="60s"), await serve(fine), stop=stop, on_progress=on_progress
    )
    assert time.perf_counter() - began < 30
    assert report.stopped_early
    assert 0 < report.overall.due < 3_000
    assert report.overall.succeeded == report.overall.due
    assert told[0].due >= told[0].succeeded > 0
    assert told[0].duration_seconds == 60


async def test_a_stop_does_not_wait_for_answers_that_never_come(serve_raw: Any, plan: Any) -> None:
    stop = asyncio.Event()
    run = run_load(
        plan(duration="60s", timeout="1h"),
        await serve_raw(silent),
        stop=stop,
        drain_seconds=0.2,
        on_progress=lambda progress: stop.set(),
    )
    report = await asyncio.wait_for(run, timeout=60)
    assert report.overall.unfinished == report.overall.due > 0
    assert report.overall.failed == 0


async def test_the_ledger_has_what_was_acknowledged_and_what_was_refused(
    serve: Any, plan: Any, tmp_path: Path
) -> None:
    statuses = {0: 201, 1: 422, 2: 503, 3: 302}
    answered: dict[str, int] = {}

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        status = answered[body["b"]] = statuses[len(answered) % 4]
        return web.Response(status=status, headers={"location": "/"} if status == 302 else {})

    with Ledger(tmp_path / "l", "1f3a9c2e") as ledger:
        report = await run_load(plan(WRITE), await serve(answer), ledger=ledger)
    assert report.ledger is not None
    meaning = {201: "acknowledged", 422: "refused", 503: "unknown", 302: "unknown"}
    outcomes = read_ledger(tmp_path / "l").outcomes
    assert outcomes == {one: meaning[status] for one, status in answered.items()}
    acknowledged = list(outcomes.values()).count("acknowledged")
    assert (report.ledger.sent, report.ledger.acknowledged) == (50, acknowledged)


async def test_a_redirect_acknowledges_a_write_that_expects_it(
    serve: Any, plan: Any, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=303, headers={"location": "/"})

    with Ledger(tmp_path / "l", "1f3a9c2e") as ledger:
        await run_load(plan({**WRITE, "expect": 303}), await serve(answer), ledger=ledger)
    assert set(read_ledger(tmp_path / "l").outcomes.values()) == {"acknowledged"}


async def test_the_setup_is_made_once_and_its_captures_reach_the_requests(
    serve: Any, plan: Any
) -> None:
    bodies: list[tuple[str, Any]] = []

    async def app(request: web.Request) -> web.Response:
        if request.path == "/users":
            bodies.append((request.path, await request.json()))
            response = web.json_response({"user": {"token": "t0k", "ids": [7]}}, status=201)
            response.set_cookie("csrf", "c5rf")
            response.headers["x-seat"] = "12"
            return response
        wanted = ("/7", "Token t0k", "csrf=c5rf", "12")
        got = (request.path, *(request.headers[name] for name in ("authorization", "cookie", "a")))
        return web.Response(status=200 if got == wanted else 400, text=str(got))

    setup = {
        "method": "POST",
        "path": "/users",
        "json": {"name": "load-{id}"},
        "capture": {
            "token": "user.token",
            "one": "user.ids.0",
            "csrf": "cookie:csrf",
            "seat": "header:X-Seat",
        },
    }
    headers = {"authorization": "Token {token}", "cookie": "csrf={csrf}", "a": "{seat}"}
    report = await run_load(
        plan({"path": "/{one}", "headers": headers}, setup=[setup]), await serve(app)
    )
    assert report.ok, report.overall.failures
    assert bodies == [("/users", {"name": "load-1f3a9c2es0000001"})]


@pytest.mark.parametrize(
    ("setup", "complaint"),
    [
        ({"path": "/", "expect": 201}, "answered 200"),
        ({"path": "/", "capture": {"a": "path.b"}}, "no 'b'"),
        ({"path": "/", "capture": {"a": "user"}}, "no 'user', it has path"),
        ({"path": "/", "capture": {"a": "cookie:x"}}, "no cookie 'x'"),
        ({"path": "/text", "capture": {"a": "user"}}, "not JSON"),
    ],
)
async def test_a_setup_that_fails_makes_no_load(
    serve: Any, plan: Any, setup: dict[str, Any], complaint: str
) -> None:
    requests = 0

    async def app(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.Response(text="hello") if request.path == "/text" else await fine(request)

    with pytest.raises(LoadError, match=complaint):
        await run_load(plan(setup=[setup]), await serve(app))
    assert requests == 1


async def test_a_stop_during_the_setup_does_not_wait_for_its_answer(
    serve_raw: Any, plan: Any
) -> None:
    stop = asyncio.Event()

    async def stops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        stop.set()
        await reader.read()

    run = run_load(plan(setup=[{"path": "/"}], timeout="1h"), await serve_raw(stops), stop=stop)
    with pytest.raises(LoadError, match="stopped during its setup"):
        await asyncio.wait_for(run, timeout=60)


async def test_load_on_another_machine_is_refused_before_anything_is_sent(plan: Any) -> None:
    with pytest.raises(Refused, match="not this machine"):
        await run_load(plan(), "http://192.0.2.1")
