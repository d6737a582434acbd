from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from tenfold.errors import ReleaseError
from tenfold.release.running import Here, lines_of
from tenfold.secret import Secret
from tenfold.topology.process import Command

from .conftest import NOBODY


def shell(text: str, tmp_path: Path, **more: object) -> Command:
    return Command(("/bin/sh", "-c", text), cwd=str(tmp_path), **more)  # type: ignore[arg-type]


def test_lines_come_as_they_are_printed(tmp_path: Path) -> None:
    lines: list[str] = []
    done = Here()(shell("echo one; echo two >&2; printf three; exit 3", tmp_path), lines.append)
    assert lines == ["one", "two", "three"]
    assert (done.code, done.tail) == (3, "one\ntwo\nthree")


def test_the_environment_is_small_and_secrets_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLERS_SECRET", "x")
    done = Here()(shell("env", tmp_path, env={"KEY": Secret("s3cret"), "A": "b"}))
    names = {line.partition("=")[0] for line in done.tail.splitlines()}
    assert "KEY=s3cret" in done.tail
    assert "A=b" in done.tail
    assert "PATH" in names
    assert "CALLERS_SECRET" not in names


def test_what_it_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    done = Here()(shell("sleep 60 & echo $!", tmp_path))
    assert done.code == 0
    deadline = time.monotonic() + 30
    while runs(int(done.tail)):
        assert time.monotonic() < deadline, "the background process still runs"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"took longer than 0\.2 s") as caught:
        Here()(shell("echo begun; sleep 60", tmp_path, within_seconds=0.2))
    assert caught.value.detail == "begun"


def test_a_callback_that_fails_ends_the_command(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail(line: str) -> None:
        pids.append(int(line))
        raise RuntimeError(line)

    with pytest.raises(RuntimeError):
        Here()(shell("echo $$; sleep 60", tmp_path), fail)
    assert not psutil.pid_exists(pids[0])


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="/gone/python cannot be run: No such file"):
        Here()(Command(("/gone/python",), cwd=str(tmp_path)))


def test_lines_of_a_failing_command_are_its_evidence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="exited with 4") as caught:
        lines_of(Here(), shell("echo why; exit 4", tmp_path))
    assert caught.value.detail == "why"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_somebody_else(public: Path) -> None:
    assert lines_of(Here(NOBODY), shell("id -u; id -g; id -G", public)) == ["65534"] * 3
