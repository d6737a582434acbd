"""What a drill does to processes, the network and disks of this machine; and that it is undone."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from tests.support.hosts import until

from tenfold.agent import identity
from tenfold.agent.context import host_key
from tenfold.drills import cutting, disks, guard, processes
from tenfold.drills.groups import unified
from tenfold.drills.processes import Named

NAME = f"tenfold_drill_test_{os.getpid()}"
HERE, THERE, BESIDE = "127.91.7.1", "127.91.7.2", "127.91.7.3"
SERVER = """
import socket, sys, threading
listening = socket.create_server((sys.argv[1], int(sys.argv[2])))
def serve(connection):
    while data := connection.recv(64):
        connection.sendall(data)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""
CLIENT = """
import socket, sys
kept = socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)
kept.settimeout(1)
print("ready", flush=True)
for line in sys.stdin:
    try:
        if line.strip() == "kept":
            kept.sendall(b"x")
            print("yes" if kept.recv(9) else "closed", flush=True)
        else:
            host, port = line.split()
            socket.create_connection((host, int(port)), 1).close()
            print("yes", flush=True)
    except TimeoutError:
        print("silence", flush=True)
"""


@contextmanager
def child(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def named(process: subprocess.Popen[str]) -> Named:
    started = identity.started(process.pid)
    assert started is not None
    return process.pid, started


def finds(*found: subprocess.Popen[str]) -> Callable[[], tuple[Named, ...]]:
    return lambda: tuple(named(one) for one in found)


def ask(process: subprocess.Popen[str], what: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    readable, _, _ = select.select([process.stdout], [], [], 20)
    assert readable, "an answer"
    return process.stdout.readline().strip()


def require_cuts() -> None:
    if why := cutting.why_not():
        pytest.skip(f"the network cannot be cut here: {why}")


def free_port() -> str:
    with socket.create_server((HERE, 0)) as trial:
        return str(trial.getsockname()[1])


def test_whoever_only_reads_in_a_hosts_folder_is_none_of_its_processes(tmp_path: Path) -> None:
    """A marked process and what it began are; Tenfold's own is by what it runs and where."""
    log = tmp_path / "logs" / "etcd.log"
    log.parent.mkdir()
    log.write_text("said\n")
    marked = {**os.environ, identity.MARKER: f"shop/db1/etcd/{host_key(tmp_path)}-1"}
    elsewhere = {**os.environ, identity.MARKER: f"shop/db1/etcd/{host_key(log.parent)}-1"}
    waits = "import sys; sys.stdin.read()"
    guard = "import subprocess, sys; subprocess.run(['cat'], env={})"
    tail = ["tail", "-F", str(log)]
    module = tmp_path / "tenfold" / "agent" / "keeper.py"
    module.parent.mkdir(parents=True)
    module.write_text(waits)
    theirs: list[tuple[list[str], dict[str, str]]] = [
        (tail, {**os.environ}),
        (tail, {}),
        ([sys.executable, "-I", "-c", waits, str(log)], {**os.environ}),
        (["cat"], elsewhere),
    ]
    ours: list[tuple[list[str], dict[str, str]]] = [
        (tail, marked),
        ([sys.executable, "-I", "-c", guard], marked),
        ([sys.executable, "-I", "-S", str(module), str(tmp_path)], {**os.environ}),
    ]
    with ExitStack() as stack:
        begun = [stack.enter_context(waiting(*one)) for one in (*theirs, *ours)]
        guarding = psutil.Process(begun[-2].pid)
        until(lambda: bool(guarding.children()), "what a marked one began", within=20)
        (below,) = guarding.children()
        found = {pid for pid, _ in processes.of_hosts([tmp_path], os.geteuid())}
        assert found == {*(p.pid for p in begun[len(theirs) :]), below.pid}


@contextmanager
def waiting(argv: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that goes on until its input ends, or it is ended."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(argv, env={"PATH": os.environ["PATH"], **env}, **pipes)
    try:
        yield process
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        process.terminate()
        process.wait()


def test_neither_side_hears_the_other_and_a_third_hears_both_until_it_is_mended() -> None:
    require_cuts()
    port = free_port()
    with ExitStack() as stack:
        stack.callback(cutting.mend, NAME)
        here = stack.enter_context(child(SERVER, HERE, port))
        there = stack.enter_context(child(SERVER, THERE, port))
        stack.enter_context(child(SERVER, BESIDE, port))
        calls = stack.enter_context(child(CLIENT, THERE, port))
        answers = stack.enter_context(child(CLIENT, HERE, port))
        outside = stack.enter_context(child(CLIENT, THERE, port))
        assert ask(calls, "kept") == ask(answers, "kept") == "yes"
        struck: list[bool] = []
        sides = finds(here, calls), finds(there, answers)
        cutting.cut(NAME, *sides, ((HERE,), (THERE,)), lambda: struck.append(True))
        assert struck
        assert ask(calls, "kept") == "silence", "a connection that was there before"
        assert ask(answers, "kept") == "silence", "also in the other direction"
        assert ask(calls, f"{THERE} {port}") == "silence", "a new one"
        assert ask(answers, f"{HERE} {port}") == "silence"
        assert ask(calls, f"{BESIDE} {port}") == "yes", "a third place"
        assert ask(outside, "kept") == ask(outside, f"{HERE} {port}") == "yes", "somebody else"
        cutting.mend(NAME)
        assert ask(calls, f"{THERE} {port}") == ask(answers, f"{HERE} {port}") == "yes"
        assert ask(calls, "kept") == "yes", "nothing was closed, it was only silent"
        cutting.mend(NAME)


def test_nothing_is_left_of_a_cut() -> None:
    require_cuts()
    top = unified()
    assert top is not None
    port = free_port()
    with child(SERVER, HERE, port) as here, child(SERVER, THERE, port) as there:
        before = Path(f"/proc/{here.pid}/cgroup").read_text()
        homes = cutting.homes(finds(here), finds(there))
        cutting.cut(NAME, finds(here), finds(there), ((HERE,), (THERE,)), lambda: None)
        assert Path(f"/proc/{here.pid}/cgroup").read_text() != before
        assert (top / f"{NAME}_1").is_dir()
        cutting.mend(NAME, homes)
        assert Path(f"/proc/{here.pid}/cgroup").read_text() == before
        assert not list(top.glob(f"{NAME}*"))
        assert NAME not in cutting._nft("list tables")


def test_who_is_frozen_does_nothing_and_goes_on_where_it_was() -> None:
    port = free_port()
    with child(SERVER, HERE, port), child(CLIENT, HERE, port) as client:
        frozen = processes.freeze(finds(client))
        assert frozen == (named(client),)
        process = psutil.Process(client.pid)
        until(lambda: process.status() == psutil.STATUS_STOPPED, "it to be stopped")
        pid, started = frozen[0]
        processes.send(signal.SIGCONT, [(pid, started + 1)])
        assert process.status() == psutil.STATUS_STOPPED, "that would be another one"
        processes.send(signal.SIGCONT, frozen)
        assert ask(client, "kept") == "yes"


def test_who_is_killed_is_gone_when_that_returns() -> None:
    port = free_port()
    with child(SERVER, HERE, port) as server:
        found = finds(server)()
        processes.kill(lambda: found if identity.started(server.pid) else ())
        assert server.wait(5) == -9


def test_a_disk_that_is_made_slow_is_slow_until_it_is_mended(tmp_path: Path) -> None:
    if why := disks.why_no_throttle(tmp_path):
        pytest.skip(f"a disk cannot be made slow here: {why}")
    code = """
import os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print("ready", flush=True)
for line in sys.stdin:
    began = time.monotonic()
    for number in range(10):
        os.pwrite(file, os.urandom(8192), 0)
        os.fsync(file)
    print(time.monotonic() - began, flush=True)
"""
    with child(code, str(tmp_path / "written")) as writer, ExitStack() as stack:
        stack.callback(disks.quick, NAME)
        disks.slow(NAME, finds(writer), tmp_path, 10)
        assert float(ask(writer, "now")) > 0.9, "ten writes, ten a second"
        disks.quick(NAME)
        until(lambda: float(ask(writer, "now")) < 0.9, "the disk to be quick again")


def test_the_disk_of_the_machine_itself_is_never_filled() -> None:
    assert "same file system as /" in disks.why_no_fill(Path("/"))


def test_who_is_guarded_and_killed_has_the_rest_done(tmp_path: Path) -> None:
    broken, mended = tmp_path / "drill.json", tmp_path / "mended"
    broken.write_text("{}")
    code = f"""
import sys
from pathlib import Path
from tenfold.drills import guard
guard.begin(Path({str(broken)!r}), ["/bin/sh", "-c", "touch {mended}"])
print("ready", flush=True)
sys.stdin.read()
"""
    with child(code) as drill:
        assert not mended.exists()
        drill.kill()
        drill.wait()
        until(mended.exists, "the guard to have it mended")


def test_a_guard_does_nothing_where_nothing_is_left(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    guarded = subprocess.Popen(["/bin/true"])
    guarded.wait()
    done = subprocess.run(
        [sys.executable, "-I", "-m", guard.__name__, str(guarded.pid), str(tmp_path / "none"),
         "/usr/bin/touch", str(mended)],
        timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert not mended.exists()
