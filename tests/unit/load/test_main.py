"""``python -m tenfold.load`` as its users run it: a process of its own, against a real server."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tenfold.load import read_ledger

SPEC = """
[load]
rate = 100
duration = "500ms"
[load.ledger]
endpoint = "/ids?run={run}"
[[load.requests]]
method = "POST"
path = "/c"
json = { body = "hello {id}" }
ledger = true
"""


class Store:
    """An app that keeps what is posted, unless told to forget, double or refuse every n-th."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.posts = 0
        self.forget_every = 0
        self.double_every = 0
        self.fail_every = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/ids":
            return web.json_response(self.rows)
        self.posts += 1
        if self.fail_every and self.posts % self.fail_every == 0:
            return web.Response(status=500, text="out of luck")
        row = (await request.json())["body"]
        if not (self.forget_every and self.posts % self.forget_every == 0):
            self.rows.append(row)
        if self.double_every and self.posts % self.double_every == 0:
            self.rows.append(row)
        return web.json_response({}, status=201)


class Command:
    """Runs the command in a directory with the spec in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = directory / "ledger"
        self.started: list[asyncio.subprocess.Process] = []

    async def start(self, url: str, *arguments: str, **kwargs: Any) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tenfold.load", "--spec", "tenfold.toml", "--url", url),
            *("--ledger", "ledger", *arguments),
            cwd=self.directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            **kwargs,
        )
        self.started.append(process)
        return process

    async def run(self, url: str, *arguments: str, **kwargs: Any) -> tuple[int, str, str]:
        process = await self.start(url, *arguments, **kwargs)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def command(tmp_path: Path) -> AsyncIterator[Command]:
    (tmp_path / "tenfold.toml").write_text(SPEC)
    command = Command(tmp_path)
    yield command
    for process in command.started:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def store() -> Store:
    return Store()


async def test_a_clean_run_exits_0_with_a_report_in_json(
    serve: Any, command: Command, store: Store
) -> None:
    code, out, err = await command.run(await serve(store.answer), "--json", "--check")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["version"] == 1
    assert report["ok"] is True
    assert report["overall"]["failed"] == 0
    assert report["overall"]["succeeded"] == store.posts == report["comparison"]["acknowledged"]
    assert report["comparison"]["counts"]["lost"] == 0
    assert report["comparison"]["lost_share_at_most"] == pytest.approx(3 / store.posts)


async def test_lost_and_doubled_writes_are_named_and_exit_1(
    serve: Any, command: Command, store: Store
) -> None:
    store.forget_every, store.double_every = 10, 7
    url = await serve(store.answer)
    code, out, _ = await command.run(url, "--json", "--check")
    assert code == 1
    comparison = json.loads(out)["comparison"]
    acknowledged = {
        one
        for one, outcome in read_ledger(command.ledger).outcomes.items()
        if outcome == "acknowledged"
    }
    kept = {row.removeprefix("hello ") for row in store.rows}
    doubled = {row.removeprefix("hello ") for row in store.rows if store.rows.count(row) > 1}
    assert set(comparison["ids"]["lost"]) == acknowledged - kept != set()
    assert {one for one, _ in comparison["ids"]["duplicated"]} == doubled != set()

    again, text, _ = await command.run(url, "--compare-only")
    assert again == 1
    assert f"{len(acknowledged - kept)} lost" in text


async def test_failed_requests_exit_1_and_are_shown(
    serve: Any, command: Command, store: Store
) -> None:
    store.fail_every = 10
    code, out, _ = await command.run(await serve(store.answer))
    assert code == 1
    assert "status 500" in out
    assert "out of luck" in out


async def test_ctrl_c_ends_it_with_a_report_of_what_there_was(
    serve: Any, command: Command, store: Store
) -> None:
    arrived = asyncio.Event()

    async def tell(request: web.Request) -> web.StreamResponse:
        answer = await store.answer(request)
        arrived.set()
        return answer

    process = await command.start(await serve(tell), "--json", "--duration", "3600")
    await asyncio.wait_for(arrived.wait(), timeout=60)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), timeout=60)
    assert (process.returncode, err) == (0, b"")
    report = json.loads(out)
    assert report["stopped_early"] is True
    assert report["overall"]["succeeded"] == store.posts == report["ledger"]["acknowledged"]


async def test_after_kill_9_the_ledger_can_still_be_compared(
    serve: Any, command: Command, store: Store
) -> None:
    enough = asyncio.Event()

    async def tell(request: web.Request) -> web.StreamResponse:
        answer = await store.answer(request)
        if store.posts > 20:
            enough.set()
        return answer

    url = await serve(tell)
    process = await command.start(url, "--duration", "3600")
    await asyncio.wait_for(enough.wait(), timeout=60)
    process.kill()
    await process.communicate()
    code, out, _ = await command.run(url, "--compare-only", "--json")
    assert code == 0
    comparison = json.loads(out)
    assert comparison["acknowledged"] > 0
    # every write that reached the app had been written down before
    assert comparison["counts"]["phantom"] == 0


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))


async def test_a_full_disk_ends_the_load_and_says_what_there_is(
    serve: Any, command: Command, store: Store
) -> None:
    code, out, err = await asyncio.wait_for(
        command.run(await serve(store.answer), "--duration", "3600", preexec_fn=small_files_only),
        timeout=60,
    )
    assert (code, out) == (1, "")
    assert "can no longer be written" in err
    assert "Changed  " in err
    assert read_ledger(command.ledger).outcomes


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("rate =", "raet =", 'tenfold.toml:3: [load] raet: unknown key; did you mean "rate"?'),
        (
            "path =",
            "pth =",
            'tenfold.toml:9: [[load.requests]] pth: unknown key; did you mean "path"?',
        ),
        (
            "{id}",
            "{idd}",
            "tenfold.toml:10: [[load.requests]] json: unknown name {idd}; did you mean {id}?",
        ),
        ('"500ms"', '"soon"', "tenfold.toml:4: [load] duration: "),
        ("[load]", "[load", "tenfold.toml: "),
    ],
)
async def test_a_wrong_file_exits_2_and_sends_nothing(
    serve: Any, command: Command, store: Store, old: str, new: str, complaint: str
) -> None:
    (command.directory / "tenfold.toml").write_text(SPEC.replace(old, new))
    code, _, err = await command.run(await serve(store.answer))
    assert code == 2
    assert complaint in err
    assert "Changed  nothing" in err
    assert store.posts == 0


async def test_an_empty_variable_for_the_database_is_named(command: Command) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NO_SUCH_DSN"}
    (command.directory / "ledger").write_text('{"ledger": 1, "run": "1f3a9c2e"}\n')
    arguments = ("--compare-only", "--check-dsn-env", "NO_SUCH_DSN")
    code, _, err = await command.run("http://127.0.0.1:1", *arguments, env=environment)
    assert code == 2
    assert "NO_SUCH_DSN" in err


async def test_another_machine_is_refused(command: Command) -> None:
    code, _, err = await command.run("http://192.0.2.1")
    assert code == 1
    assert "--allow-remote" in err
    assert not command.ledger.exists()
