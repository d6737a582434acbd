"""What is particular to servers behind a door: any program, and what it does wrong."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.contract.app_servers.conftest import Connect, Start
from tests.contract.app_servers.test_failures import error_of
from tests.contract.app_servers.test_hold import ask, drained, hold, until
from tests.contract.app_servers.test_serving import exit_code
from tests.contract.app_servers.test_uvicorn import hear, say, websocket
from tests.support.app_process import (
    DOORED,
    GRANIAN,
    GRANIAN_WSGI,
    UVICORNS,
    WAITRESS,
    AppProcess,
    Kind,
)

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180), pytest.mark.few(6)]
every = pytest.mark.parametrize("kind", DOORED, ids=lambda kind: kind.name)
talking = pytest.mark.parametrize("kind", [UVICORNS, GRANIAN], ids=lambda kind: kind.name)

FORKS = """
import os, subprocess, sys
where = os.environ["PORT"], "-b", os.environ["HOST"]
subprocess.Popen([sys.executable, "-m", "http.server", *where])
"""
DEAF = """
import http.server, os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
address = os.environ["HOST"], int(os.environ["PORT"])
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def command(*words: str, **more: Any) -> Kind:
    """This program, in an environment that has nothing but Python."""
    return Kind("others", WAITRESS.packages, {**WAITRESS.settings, "command": words, **more})


def servers(process: AppProcess) -> list[psutil.Process]:
    """The processes of the command that it watches, without the door."""
    children = psutil.Process(process.process.pid).children()
    return [child for child in children if "nginx" not in child.name()]


@every
async def test_an_answer_names_the_release(kind: Kind, start: Start, connect: Connect) -> None:
    start(kind, release="4f2c1d9").accept()
    connection = await connect()
    await connection.send("GET", "/", X_Request_ID="abc-1")
    answer = await connection.receive()
    assert (answer.status, answer.headers["tenfold-release"]) == (200, "4f2c1d9")
    assert answer.headers["connection"].lower() == "close"
    assert json.loads(answer.body)["request_id"] == "abc-1"


@pytest.mark.parametrize("kind", [GRANIAN, GRANIAN_WSGI], ids=lambda kind: kind.name)
async def test_granian_believes_the_edge(kind: Kind, start: Start, connect: Connect) -> None:
    start(kind).accept()
    connection = await connect()
    await connection.send("GET", "/", X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.7")
    said = json.loads((await connection.receive()).body)
    assert said["scheme"] == "https"
    assert said.get("client", "203.0.113.7") == "203.0.113.7"


@every
def test_a_probe_asks_over_http(kind: Kind, start: Start) -> None:
    process = start(kind).warm()
    answer = process.order(control.PROBE, path="/", host="localhost")
    assert (answer["ok"], answer["status"]) == (True, 200)
    assert "path" in answer["body"]
    assert process.order(control.PROBE, path="/nowhere", host="localhost")["status"] == 404
    assert process.order(control.METRICS)["routes"] == []


@talking
async def test_a_websocket_is_closed_with_1012_between_two_frames(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    for _ in range(2):
        connection = await websocket(connect)
        await say(connection, "hello")
        assert await hear(connection) == (1, b"HELLO")
        assert (await ask(process))["websockets"] == 1
        assert await ask(process, control.HOLD) == {"ok": True}
        await say(connection, "still here")
        assert await hear(connection) == (1, b"STILL HERE")
        assert not drained(await ask(process))
        assert await ask(process, control.CLOSE) == {"ok": True}
        opcode, payload = await hear(connection)
        assert (opcode, struct.unpack("!H", payload[:2])[0]) == (8, 1012)
        connection.close()
        await until(process, drained)
        assert await ask(process, control.ACCEPT) == {"ok": True}


@talking
async def test_a_websocket_does_not_keep_a_process_that_leaves(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    connection = await websocket(connect)
    assert await ask(process, control.QUIESCE) == {"ok": True}
    await say(connection, "still here")
    assert await hear(connection) == (1, b"STILL HERE")
    assert await ask(process, control.CLOSE) == {"ok": True}
    assert (await hear(connection))[0] == 8
    connection.close()
    assert await exit_code(process) == 0


async def test_one_of_two_that_dies_is_started_again(start: Start, connect: Connect) -> None:
    process = start(UVICORNS).accept()
    first, second = servers(process)
    first.kill()
    psutil.wait_procs([first], timeout=10)
    for _ in range(20):
        connection = await connect()
        await connection.send("POST", "/echo", b"on we go")
        assert (await connection.receive()).body == b"on we go"
        connection.close()
    async with asyncio.timeout(20):
        while len(servers(process)) < 2 or first.pid in [s.pid for s in servers(process)]:
            await asyncio.sleep(0.05)
    assert second.pid in [s.pid for s in servers(process)]


async def test_the_only_one_that_dies_takes_its_door_with_it(start: Start) -> None:
    process = start(WAITRESS).accept()
    (only,) = servers(process)
    only.kill()
    assert await exit_code(process) == 1
    assert "was ended by signal 9" in process.text()
    assert not psutil.pid_exists(only.pid)


async def test_held_requests_are_answered_when_it_goes_on(start: Start, connect: Connect) -> None:
    process = start(WAITRESS).accept()
    await hold(process)
    waiting = await connect()
    await waiting.send("POST", "/echo", b"waits")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting.receive(), 0.3)
    assert await ask(process, control.ACCEPT) == {"ok": True}


def test_a_program_that_is_not_there(start: Start) -> None:
    error = error_of(start(command("wait-for-it", "--now")))
    assert "cannot execute wait-for-it: No such file or directory" in error
    assert "Looked in PATH=" in error


def test_a_command_that_ends_at_once(start: Start) -> None:
    error = error_of(start(command("{python}", "-c", "raise SystemExit(7)")))
    assert "the command exited with code 7, and nothing listens at 127.0.0.1:" in error


def test_a_command_that_goes_into_the_background(start: Start) -> None:
    error = error_of(start(command("{python}", "-c", FORKS)))
    assert "the command ended at once and left " in error
    assert "it goes into the background" in error
    assert "--daemon" in error


def test_a_command_that_listens_elsewhere(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    elsewhere = command("{python}", "-m", "http.server", port, "-b", "127.0.0.1")
    error = error_of(start(elsewhere, ready_seconds=4.0))
    assert f"it listens at 127.0.0.1:{port}" in error
    assert "--port $PORT" in error


def test_a_command_that_listens_for_everybody_is_told_so(start: Start) -> None:
    process = start(command("{python}", "-m", "http.server", "$PORT", "-b", "0.0.0.0")).warm()
    assert "listens on every address of this machine" in process.text()


async def test_a_command_that_ignores_sigterm_is_killed_and_that_is_said(start: Start) -> None:
    process = start(command("{python}", "-c", DEAF), drain_seconds=1.0).accept()
    (deaf,) = servers(process)
    began = time.monotonic()
    assert await ask(process, control.QUIESCE) == {"ok": True}
    assert await exit_code(process) == control.KILLED_EXIT_CODE
    assert 1.0 <= time.monotonic() - began < 8
    assert "did not end within 1 s of SIGTERM: it was killed" in process.text()
    assert not psutil.pid_exists(deaf.pid)


def test_granian_with_an_app_that_cannot_be_imported(start: Start, tmp_path: Path) -> None:
    (tmp_path / "asgi_app.py").write_text("import a_package_that_nobody_installed\n")
    process = start(GRANIAN, cwd=tmp_path)
    error = str(process.until(control.FAILED)["error"])
    assert "the command exited with code " in error
    assert process.wait(10) == control.FAILED_EXIT_CODE
    assert 'there is no module "a_package_that_nobody_installed"' in process.text()


def test_sigterm_while_it_starts(start: Start) -> None:
    process = start(command("{python}", "-c", "import time; time.sleep(60)"))
    process.until(control.IMPORTING)
    assert process.order(control.ACCEPT)["ok"] is False
    process.process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_the_placeholders(start: Start) -> None:
    show = "import sys; print(sys.argv[1:], flush=True); raise SystemExit(9)"
    process = start(command("{python}", "-c", show, "{port}", "$PORT", "${HOST}:{port}", "$PORTS"))
    error_of(process)
    words = json.loads(process.text().splitlines()[0].replace("'", '"'))
    assert words[0].isdigit()
    assert words == [words[0], words[0], f"127.0.0.1:{words[0]}", "$PORTS"]
