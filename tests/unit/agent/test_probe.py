from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenfold.agent import probe
from tenfold.agent.probe import Subject
from tenfold.topology.process import Probe

NOBODY = Subject(None, "/", {"PATH": "/usr/bin:/bin"}, "d/h/u/key-1")


class Conversations:
    """Lets a test end only when its server has seen every connection close."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[Any] | None] = set()

    def begin(self) -> None:
        self._open.add(asyncio.current_task())

    async def over(self) -> None:
        await asyncio.gather(*(task for task in self._open if task is not None))


@asynccontextmanager
async def http(answer: bytes) -> AsyncIterator[str]:
    open_ = Conversations()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.begin()
        if await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await open_.over()


@asynccontextmanager
async def worker(
    path: Path, answers: Callable[[dict[str, Any]], dict[str, Any]]
) -> AsyncIterator[Subject]:
    open_ = Conversations()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.begin()
        while line := await reader.readline():
            writer.write(json.dumps(answers(json.loads(line))).encode() + b"\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, str(path / "c.sock"))
    async with server:
        yield Subject(str(path / "c.sock"), "/", {}, "m")
        await open_.over()


async def test_a_command_is_ready_when_it_exits_0() -> None:
    assert (await probe.ask(Probe("exec", ("true",)), NOBODY)).ready
    answer = await probe.ask(Probe("exec", ("sh", "-c", "echo not yet; exit 2")), NOBODY)
    assert (answer.ready, answer.text, answer.evidence) == (False, "exit code 2", "not yet")
    answer = await probe.ask(Probe("exec", ("/nowhere",)), NOBODY)
    assert not answer.ready
    assert "cannot execute /nowhere" in answer.text


async def test_a_port_is_ready_when_it_accepts() -> None:
    async with http(b"") as address:
        assert (await probe.ask(Probe("tcp", address=address), NOBODY)).ready
    answer = await probe.ask(Probe("tcp", address=address), NOBODY)
    assert not answer.ready
    assert "refused" in answer.text.lower() or "connect" in answer.text.lower()


@pytest.mark.parametrize(
    ("answer", "ready", "text", "evidence"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nfine", True, "status 200", ""),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", True, "status 404", ""),
        (b"HTTP/1.1 500 Oh\r\nA: b\r\n\r\nbroken", False, "status 500", "broken"),
        (b"", False, "the connection closed without an HTTP answer", ""),
        (b"nonsense\r\n", False, "the connection closed without an HTTP answer", ""),
    ],
)
async def test_an_http_answer_below_500_is_ready(
    answer: bytes, ready: bool, text: str, evidence: str
) -> None:
    async with http(answer) as address:
        found = await probe.ask(Probe("http", address=address, path="/x"), NOBODY)
    assert (found.ready, found.text, found.evidence) == (ready, text, evidence)


@asynccontextmanager
async def talker(*answers: bytes) -> AsyncIterator[str]:
    open_ = Conversations()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.begin()
        for answer in answers:
            await reader.readline()
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await open_.over()


@pytest.mark.parametrize(
    ("answers", "ready", "text"),
    [
        ((b"+OK\r\n", b"+PONG\r\n"), True, "it says: +PONG"),
        ((b"+OK\r\n", b"-LOADING the data\r\n"), False, "it says: -LOADING the data"),
        ((b"+OK\r\n",), False, "it says: nothing"),
    ],
)
async def test_who_is_talked_to_is_ready_when_it_answers_as_expected(
    answers: tuple[bytes, ...], ready: bool, text: str
) -> None:
    async with talker(*answers) as address:
        asked = Probe("talk", address=address, say="AUTH a\r\nPING\r\n", expect="+PONG")
        found = await probe.ask(asked, NOBODY)
    assert (found.ready, found.text) == (ready, text)


async def test_who_cannot_be_asked_is_ready_when_it_has_run_for_long_enough() -> None:
    asked = Probe("steady", steady_seconds=3.0)
    young = replace(NOBODY, began=time.monotonic() - 2.0)
    assert not (await probe.ask(asked, young)).ready
    assert (await probe.ask(asked, replace(young, began=time.monotonic() - 3.0))).ready


CONTROL = Probe("control", path="/healthz")


@pytest.mark.parametrize(
    ("status", "health", "ready", "text"),
    [
        ({"state": "importing"}, {}, False, "still importing"),
        ({"state": "warm"}, {"ok": True, "status": 200}, True, "status 200"),
        ({"state": "accepting"}, {"ok": True, "status": 499}, True, "status 499"),
        ({"state": "warm"}, {"ok": True, "status": 500, "body": "b"}, False, "status 500"),
        ({"state": "warm"}, {"ok": False, "error": "busy"}, False, "busy"),
    ],
)
async def test_a_worker_is_ready_when_it_is_warm_and_healthy(
    tmp_path: Path, status: dict[str, Any], health: dict[str, Any], ready: bool, text: str
) -> None:
    asked: list[dict[str, Any]] = []

    def answers(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return {"ok": True, **status} if request["order"] == "status" else health

    async with worker(tmp_path, answers) as subject:
        found = await probe.ask(CONTROL, subject)
    assert (found.ready, found.text, found.final) == (ready, text, False)
    if len(asked) > 1:
        assert asked[1] == {"order": "probe", "path": "/healthz", "host": "localhost"}


async def test_a_worker_that_failed_tells_why_and_is_not_asked_again(tmp_path: Path) -> None:
    failed = {"ok": True, "state": "failed", "error": "Traceback: ZeroDivisionError"}
    async with worker(tmp_path, lambda _: failed) as subject:
        found = await probe.ask(CONTROL, subject)
    assert found.final
    assert found.evidence == "Traceback: ZeroDivisionError"


async def test_a_traceback_is_better_evidence_than_a_body(tmp_path: Path) -> None:
    def answers(request: dict[str, Any]) -> dict[str, Any]:
        if request["order"] == "status":
            return {"ok": True, "state": "warm"}
        return {"ok": True, "status": 500, "body": "oops", "traceback": "Traceback ..."}

    async with worker(tmp_path, answers) as subject:
        assert (await probe.ask(CONTROL, subject)).evidence == "Traceback ..."


async def test_a_worker_that_is_not_there_yet_is_not_ready(tmp_path: Path) -> None:
    subject = Subject(str(tmp_path / "none.sock"), "/", {}, "m")
    found = await probe.ask(CONTROL, subject)
    assert not found.ready
    assert "No such file" in found.text


async def test_whoever_says_nothing_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "ONE_ANSWER_SECONDS", 0.1)
    found = await probe.ask(Probe("exec", ("sleep", "60")), NOBODY)
    assert found.text == "no answer within 0.1 s"


async def test_nor_longer_than_it_may_take_to_become_ready() -> None:
    found = await probe.ask(Probe("exec", ("sleep", "60"), within_seconds=0.2), NOBODY)
    assert found.text == "no answer within 0.2 s"


def test_probes_in_words() -> None:
    assert probe.describe(Probe("exec", ("pg_isready", "-q"))) == "pg_isready -q"
    assert probe.describe(Probe("tcp", address="a:1")) == "connection to a:1"
    assert probe.describe(Probe("http", address="a:1", path="/x")) == "GET http://a:1/x"
    assert probe.describe(CONTROL) == "GET /healthz inside the worker"
