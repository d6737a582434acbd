"""One run, as a real process: its exit, its output, its time, and nothing left of it."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

import psutil
import pytest

from tenfold.jobs import marks, running
from tenfold.jobs.config import VARIABLE, Job
from tenfold.jobs.running import Ended
from tenfold.jobs.schedule import Schedule


def job(*argv: str, timeout: float = 30.0, grace: float = 10.0) -> Job:
    return Job("nightly", argv, Schedule(60.0), False, "run-once", timeout, grace)


async def run(wanted: Job, output: Path) -> tuple[Ended, str]:
    mark = secrets.token_hex(8)
    environ = running.environment(os.environ, wanted, 3600.0, mark)
    ended = await running.run(wanted, environ, output)
    left = [p.pid for p in psutil.process_iter() if mark in _environment(p)]
    assert left == []
    return ended, output.read_text() if output.exists() else ""


def _environment(process: psutil.Process) -> str:
    try:
        return process.environ().get(marks.VARIABLE, "")
    except psutil.Error:
        return ""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output" / "1.log"


async def test_one_that_ends_well(output: Path) -> None:
    ended, said = await run(job("sh", "-c", "echo out; echo err >&2"), output)
    assert (ended.outcome, ended.code, ended.note) == ("done", 0, None)
    assert sorted(said.split()) == ["err", "out"]


@pytest.mark.parametrize(("line", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
async def test_one_that_fails(output: Path, line: str, code: int) -> None:
    ended, _ = await run(job("sh", "-c", line), output)
    assert (ended.outcome, ended.code) == ("failed", code)


async def test_one_that_is_no_program(output: Path) -> None:
    ended, _ = await run(job("no-such-program"), output)
    assert (ended.outcome, ended.code) == ("failed", 127)
    assert ended.note
    assert "cannot execute no-such-program" in ended.note


async def test_one_that_takes_too_long_is_told_and_ends(output: Path) -> None:
    line = "trap 'echo told; exit 0' TERM; echo begins; while :; do sleep 0.05; done"
    ended, said = await run(job("sh", "-c", line, timeout=0.5), output)
    assert ended.outcome == "timed out"
    assert ended.note == "took longer than 0.5 s: it got SIGTERM and ended"
    assert said.split()[0] == "begins"
    assert "told" in said


async def test_one_that_hangs_and_does_not_listen_is_killed_and_that_is_said(output: Path) -> None:
    line = "trap '' TERM; while :; do sleep 0.05; done"
    began = time.monotonic()
    ended, _ = await run(job("sh", "-c", line, timeout=0.3, grace=0.3), output)
    assert ended.outcome == "timed out"
    assert ended.note
    assert "took longer than 0.3 s: it got SIGTERM, and SIGKILL 0.3 s later" in ended.note
    assert time.monotonic() - began < 5.0


async def test_nothing_stays_behind_wherever_it_went(output: Path) -> None:
    line = "setsid sleep 300 & setsid sh -c 'sleep 300 & sleep 300' & sleep 0.5; exit 0"
    ended, _ = await run(job("sh", "-c", line), output)
    assert ended.outcome == "done"
    assert ended.note
    assert re.fullmatch(r"[2-9] of its processes went on, and were killed", ended.note)


async def test_output_that_cannot_be_kept_is_a_failure_and_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended, _ = await run(job("true"), tmp_path / "file" / "1.log")
    assert ended.outcome == "failed"
    assert ended.note
    assert "its output cannot be kept" in ended.note


def test_a_run_knows_which_one_it_is_and_not_what_the_scheduler_was_told() -> None:
    found = running.environment({"A": "1", VARIABLE: "{}"}, job("true"), 3600.0, "m")
    assert found == {
        "A": "1",
        "TENFOLD_JOB": "nightly",
        "TENFOLD_SLOT": "1970-01-01T01:00:00Z",
        "TENFOLD_RUN": "m",
    }
    assert "TENFOLD_SLOT" not in running.environment({}, job("true"), None, "m")
