"""Real children; every one is collected."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support.hosts import until

from tenfold.agent import handle, identity
from tenfold.agent.handle import Exit, ExitStatuses, Process
from tenfold.agent.identity import MARKER, Identity

SLEEP = "import signal; print(1, flush=True); signal.pause()"


@contextmanager
def running(text: str = SLEEP, nonce: str = "key-1") -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, MARKER: f"d/h/u/{nonce}"}
    argv = [sys.executable, "-uc", text]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, env=env, start_new_session=True)
    assert child.stdout is not None
    child.stdout.readline()
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def who(child: subprocess.Popen[bytes], nonce: str = "key-1") -> Identity:
    found = identity.of_process(child.pid, nonce)
    assert found is not None
    return found


@pytest.fixture(params=["pidfd", "polling"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without pidfd, which kernels before 5.3 and other systems do not have."""
    if request.param == "polling":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    return str(request.param)


async def test_the_end_of_a_child_is_told_with_its_code(kernel: str) -> None:
    child = os.fork()
    if child == 0:
        os._exit(7)
    process = Process.child(Identity(child, 0, "", "key-1"))
    assert (await process.wait()).code == 7
    assert process.is_over
    assert not process.signal(signal.SIGTERM)
    with pytest.raises(ChildProcessError):
        os.waitpid(child, 0)


async def test_a_process_that_is_not_a_child_is_watched_until_its_end(kernel: str) -> None:
    with running() as child:
        process = Process.adopt(who(child))
        assert process is not None
        waiting = asyncio.create_task(process.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert process.signal(signal.SIGTERM)
        assert (await waiting).code is None


async def test_what_the_keeper_collected_is_known(kernel: str) -> None:
    statuses = ExitStatuses()
    with running() as child:
        process = Process.adopt(who(child), statuses)
        assert process is not None
        child.terminate()
        statuses.learn(child.pid, signal.SIGTERM)
        assert str(await process.wait()) == "was ended by SIGTERM"


async def test_a_recycled_pid_is_never_signalled(kernel: str) -> None:
    """The pid of a living process, remembered with an earlier start, another boot or nonce."""
    with running() as innocent:
        right = who(innocent)
        for wrong in (
            Identity(right.pid, right.started - 1, right.boot, right.nonce),
            Identity(right.pid, right.started, "an earlier boot", right.nonce),
            Identity(right.pid, right.started, right.boot, "key-2"),
        ):
            assert Process.adopt(wrong) is None
            assert not handle.signal_if_same(wrong, signal.SIGKILL)
            assert handle.kill_descendants(wrong, leader_held=False) == 0
        assert innocent.poll() is None


async def test_a_process_that_outlives_its_patience_is_killed(kernel: str) -> None:
    text = "import signal; signal.signal(15, signal.SIG_IGN); print(1); signal.pause()"
    with running(text) as child:
        process = Process.adopt(who(child))
        assert process is not None
        await process.end(signal.SIGTERM, 0.1)
        assert child.wait() == -signal.SIGKILL


async def test_descendants_end_with_the_leader_also_from_sessions_of_their_own() -> None:
    text = (
        "import signal, subprocess as s, sys\n"
        "argv = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "print(*[s.Popen(argv, start_new_session=new).pid for new in (False, True)])\n"
        "signal.pause()"
    )
    env = {**os.environ, MARKER: "d/h/u/key-1"}
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(writer, 1)
        os.execve(sys.executable, [sys.executable, "-uc", text], env)
    os.close(writer)
    with os.fdopen(reader) as told:
        children = [int(word) for word in told.readline().split()]
    found = identity.of_process(pid, "key-1")
    assert found is not None
    process = Process.child(found)
    until(lambda: len(handle.descendants(found, leader_held=True)) == 3, "all three", 10)
    process.signal(signal.SIGKILL)
    await process.wait()
    until(lambda: all(identity.started(c) is None for c in children), "both to be dead", 10)


async def test_workers_without_environment_end_with_a_leader_that_is_long_dead() -> None:
    """As nginx and setproctitle do it: what /proc shows of their environment is overwritten."""
    text = (
        "import os, sys\n"
        "if os.fork(): sys.stdin.readline(); os._exit(0)\n"
        "os.execve(sys.executable, [sys.executable, '-uc',"
        " 'import os, signal; print(os.getpid()); signal.pause()'], {})"
    )
    env = {**os.environ, MARKER: "d/h/u/key-1"}
    child = subprocess.Popen(
        [sys.executable, "-uc", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=env,
        start_new_session=True,
    )
    assert child.stdout is not None
    worker = int(child.stdout.readline())
    leader = who(child)
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.close()
    child.wait()
    child.stdout.close()
    assert identity.started(worker) is not None
    assert handle.kill_descendants(leader, leader_held=False) == 1
    until(lambda: identity.started(worker) is None, "the worker to be dead", 10)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (None, "ended (how is not known)"),
        (0, "exited with code 0"),
        (3 << 8, "exited with code 3"),
        (9, "was ended by SIGKILL"),
        (63, "was ended by signal 63"),
    ],
)
def test_an_end_in_words(status: int | None, text: str) -> None:
    assert str(Exit(status)) == text
