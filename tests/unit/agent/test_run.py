from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

import pytest
from tests.support.hosts import until

from tenfold.agent import identity, run
from tenfold.agent.handle import Process

ENV = {"PATH": os.environ["PATH"]}


async def shell(
    text: str, output: Callable[[str], None] | None = None, marker: str = "d/h/run/key-9"
) -> tuple[int, str]:
    return await run.stream(("sh", "-c", text), ENV, "/", marker, output=output)


async def test_lines_come_as_they_are_printed_from_both_streams() -> None:
    lines: list[str] = []
    assert await shell("echo a; echo b >&2; printf c; exit 3", lines.append) == (3, "a\nb\nc")
    assert lines == ["a", "b", "c"]


async def test_a_line_is_told_before_the_command_ends() -> None:
    told = asyncio.Event()
    task = asyncio.create_task(shell("echo first; sleep 60", lambda _: told.set()))
    await asyncio.wait_for(told.wait(), 20)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_only_the_last_lines_are_kept() -> None:
    code, tail = await shell("seq 1 1000")
    assert code == 0
    assert tail.splitlines() == [str(n) for n in range(951, 1001)]


async def test_an_endless_line_does_not_grow_for_ever() -> None:
    lines: list[str] = []
    text = "import sys; sys.stdout.write('x' * 1_000_000)"
    await run.stream((sys.executable, "-Ic", text), ENV, "/", "d/h/run/key-9", output=lines.append)
    assert sum(map(len, lines)) == 1_000_000
    assert max(map(len, lines)) <= 2 * (1 << 16)


async def test_a_signal_is_told_as_shells_do() -> None:
    assert (await shell("kill -9 $$"))[0] == 137


async def test_cancelling_ends_the_command_and_what_it_started() -> None:
    started: list[Process] = []
    told = asyncio.Event()
    task = asyncio.create_task(
        run.stream(
            ("sh", "-c", "sleep 600 & sleep 601 & echo up; wait"),
            ENV,
            "/",
            "d/h/run/key-8",
            output=lambda _: told.set(),
            persist=started.append,
        )
    )
    await asyncio.wait_for(told.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started[0].is_over
    until(lambda: not marked("key-8"), "nothing to be left", 10)


async def test_what_a_command_left_in_the_background_ends_with_it() -> None:
    assert (await shell("sleep 600 & echo done", marker="d/h/run/key-7"))[1] == "done"
    until(lambda: not marked("key-7"), "nothing to be left", 10)


def marked(nonce: str) -> list[int]:
    return [f.pid for f in identity.everyone() if (f.marker or "").endswith(f"/{nonce}")]
