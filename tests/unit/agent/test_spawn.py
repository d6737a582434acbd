from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tenfold.agent.handle import Process
from tenfold.agent.spawn import CannotExecute, Plan, spawn
from tenfold.errors import TargetError


def output(path: Path) -> int:
    return os.open(path / "out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


async def ran(path: Path, text: str, *, fds: tuple[int, ...] = ()) -> str:
    """What a Python text prints when it is spawned."""
    out = output(path)
    try:
        argv = [sys.executable, "-Ic", text]
        process = await spawn(Plan(argv, {"A": "b", "LC_ALL": "C"}, str(path), out, fds))
        await process.wait()
    finally:
        os.close(out)
    return (path / "out").read_text()


async def test_a_child_has_its_environment_directory_and_session_and_nothing_else(
    tmp_path: Path,
) -> None:
    text = (
        "import os, signal; print(sorted(os.environ) == ['A', 'LC_ALL'], os.getcwd(),"
        "os.getsid(0) == os.getpid(), sorted(map(int, os.listdir('/proc/self/fd')))[:-1],"
        "os.read(0, 1), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,"
        "oct(os.umask(0)))"
    )
    kept_open = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(kept_open, True)
    try:
        said = await ran(tmp_path, text)
    finally:
        os.close(kept_open)
    assert said == f"True {tmp_path} True [0, 1, 2] b'' True 0o22\n"


async def test_sockets_are_passed_as_3_and_so_on_in_their_order(tmp_path: Path) -> None:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.2", 0))
        text = "import socket; print(*[socket.socket(fileno=n).getsockname()[0] for n in (3, 4)])"
        said = await ran(tmp_path, text, fds=(two.fileno(), one.fileno()))
    assert said == "127.0.0.2 127.0.0.1\n"


async def test_a_program_does_not_begin_before_its_identity_is_kept(tmp_path: Path) -> None:
    seen: list[bool] = []

    def persist(process: Process) -> None:
        seen.append((tmp_path / "begun").exists())

    out = output(tmp_path)
    try:
        plan = Plan(["/bin/sh", "-c", "touch begun"], {"PATH": os.defpath}, str(tmp_path), out)
        process = await spawn(plan, persist)
        await process.wait()
    finally:
        os.close(out)
    assert seen == [False]
    assert (tmp_path / "begun").exists()


async def test_a_program_whose_identity_cannot_be_kept_never_begins(tmp_path: Path) -> None:
    spawned: list[Process] = []

    def persist(process: Process) -> None:
        spawned.append(process)
        raise TargetError("the disk is full")

    out = output(tmp_path)
    try:
        plan = Plan(["/bin/sh", "-c", "touch begun"], {"PATH": os.defpath}, str(tmp_path), out)
        with pytest.raises(TargetError, match="the disk is full"):
            await spawn(plan, persist)
    finally:
        os.close(out)
    assert spawned[0].is_over
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize(
    ("argv", "cwd", "says"),
    [
        (["/nowhere/program"], "/", "cannot execute /nowhere/program: No such file or directory"),
        (["no-such-program"], "/", "cannot execute no-such-program: No such file or directory"),
        (["/etc/passwd"], "/", "cannot execute /etc/passwd: Permission denied"),
        (["/bin/true"], "/nowhere", "cannot enter /nowhere: No such file or directory"),
    ],
)
async def test_what_cannot_be_executed_is_named(
    tmp_path: Path, argv: list[str], cwd: str, says: str
) -> None:
    out = output(tmp_path)
    try:
        with pytest.raises(CannotExecute) as fault:
            await spawn(Plan(argv, {"PATH": os.defpath}, cwd, out))
    finally:
        os.close(out)
    assert fault.value.what == says


async def test_a_script_without_its_interpreter_is_explained(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nowhere/python\n")
    script.chmod(0o755)
    out = output(tmp_path)
    try:
        with pytest.raises(CannotExecute, match=r"its interpreter \(the #! line"):
            await spawn(Plan([str(script)], {}, "/", out))
    finally:
        os.close(out)


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    await ran(tmp_path, "pass")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await ran(tmp_path, "pass")
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_signal_for_a_child_that_has_not_begun_is_not_taken_for_ones_own(
    tmp_path: Path,
) -> None:
    """Between fork and execution a child shares its parent's handlers and their wake-up pipe."""
    mine: list[int] = []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, mine.append, 1)
    out = output(tmp_path)
    try:
        for _ in range(50):
            plan = Plan(["/bin/true"], {}, "/", out)
            process = await spawn(plan, lambda child: child.signal(signal.SIGTERM))
            assert (await process.wait()).code in (0, -signal.SIGTERM)
        await asyncio.sleep(0)
    finally:
        os.close(out)
        loop.remove_signal_handler(signal.SIGTERM)
    assert mine == []
