"""What an agent finds when it comes back: recycled pids, strangers, spoilt files, a full disk."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.hosts import Hosts, hosts, member, script, sleeper, until

from tenfold.agent import identity
from tenfold.errors import TargetError
from tenfold.targets.local import LocalAgent, starting, target
from tenfold.topology.model import Host
from tenfold.topology.observation import ObservedUnit
from tenfold.topology.process import Command, File, Listen, Probe, Stop


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def unit(agent: LocalAgent, name: str) -> ObservedUnit:
    found = agent.observe().unit(name)
    assert found is not None
    return found


def record(host: Hosts, name: str) -> tuple[Path, dict[str, Any]]:
    path = host.root() / "agent/units" / f"{name}.json"
    return path, json.loads(path.read_text())


@contextmanager
def innocent(host: Hosts) -> Iterator[psutil.Process]:
    """A process of the units' user that has nothing to do with the host, and notes every signal."""
    text = (
        "import signal\n"
        "for n in (1, 2, 3, 10, 12, 15): signal.signal(n, lambda n, _: print(n, flush=True))\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()"
    )
    owner = (host.root() / "data").stat()
    drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    child = subprocess.Popen(
        ["/usr/bin/env", "python3" if os.geteuid() == 0 else sys.executable, "-uc", text],
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        **(drop if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    try:
        yield psutil.Process(child.pid)
        assert child.poll() is None, f"it was ended by signal {child.returncode}"
    finally:
        child.kill()
        assert child.stdout.read() == b"", "it was signalled"
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize("spoil", ["started", "boot"])
def test_a_recycled_pid_is_never_signalled(host: Hosts, spoil: str) -> None:
    """The remembered pid belongs to somebody else by now, as after a restart of the machine."""
    agent = host.up()
    agent.start(sleeper("a"))
    agent.start(sleeper("b"))
    old = unit(agent, "a").pid
    with innocent(host) as other:
        host.kill_host()
        path, data = record(host, "a")
        started = identity.started(other.pid)
        assert started is not None
        data["process"]["pid"] = other.pid
        data["process"]["started"] = started - 1 if spoil == "started" else started
        data["process"]["boot"] = identity.boot_id() if spoil == "started" else "another boot"
        path.write_text(json.dumps(data))
        agent = host.up()
        until(lambda: unit(agent, "a").state == "running", "a to run")
        assert unit(agent, "a").pid not in (old, other.pid)
        agent.stop("a")
        agent.stop("b")
        assert other.is_running()


def test_a_unit_whose_declaration_is_gone_is_ended(host: Hosts) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    agent.start(sleeper("b"))
    forgotten = psutil.Process(unit(agent, "a").pid)
    host.kill_host()
    record(host, "a")[0].unlink()
    agent = host.up()
    until(lambda: not forgotten.is_running(), "the forgotten process to be gone")
    assert [u.name for u in agent.observe().units] == ["b"]


def test_a_spoilt_declaration_is_set_aside_shown_and_replaced(host: Hosts) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    agent.start(sleeper("b"))
    running = unit(agent, "b").pid
    host.kill_host()
    path, _ = record(host, "a")
    path.write_text('{"order": ')
    agent = host.up()
    shown = unit(agent, "a")
    assert shown.state == "failed"
    assert "a.json is unreadable" in str(shown.reason)
    assert "it was moved to a.json.unreadable" in str(shown.reason)
    assert path.with_name("a.json.unreadable").read_text() == '{"order": '
    assert unit(agent, "b").pid == running
    agent.start(sleeper("a"))
    assert unit(agent, "a").state == "running"


def test_an_orphan_that_was_not_yet_remembered_cannot_be(host: Hosts) -> None:
    """The agent is killed again and again while it starts units: no process is left unknown."""
    agent = host.up()
    with ThreadPoolExecutor() as pool:
        for number in range(5):
            pid = host.agent_pid()
            starts = [pool.submit(agent.start, sleeper(f"u{number}{n}")) for n in range(4)]
            time.sleep(0.01 * number)
            os.kill(pid, signal.SIGKILL)
            for start in starts:
                start.result(timeout=60)
    seen = {u.pid for u in agent.observe().units if u.state == "running"}
    assert len(seen) == 20
    assert {p.pid for p in host.processes()} == seen


def test_a_preparation_that_its_agent_did_not_survive_is_ended_and_repeated(host: Hosts) -> None:
    agent = host.up()
    made, begun = host.root() / "data/made", host.root() / "data/begun"
    wait = f"while ! test -e {host.root()}/data/go; do sleep 0.02; done"
    text = f"echo $$ >> {begun}; {wait}; touch {made}"
    order = sleeper("a", prepare=(Command(("sh", "-c", text), creates=str(made)),))
    with ThreadPoolExecutor() as pool:
        start = pool.submit(agent.start, order)
        until(lambda: begun.exists() and begun.read_text().split(), "it to begin")
        first = psutil.Process(int(begun.read_text().split()[0]))
        host.kill(host.agent_pid())
        until(lambda: len(begun.read_text().split()) == 2, "it to begin again")
        assert not first.is_running()
        agent.write([File("data/go", "")])
        start.result(timeout=60)
    assert unit(agent, "a").state == "running"


def test_a_command_that_its_agent_did_not_survive_is_ended_and_not_repeated(host: Hosts) -> None:
    agent = host.up()
    begun = host.root() / "data/begun"
    command = Command(("sh", "-c", f"echo $$ >> {begun}; sleep 600"))
    with ThreadPoolExecutor() as pool:
        run = pool.submit(agent.run, command)
        until(lambda: begun.exists() and begun.read_text().split(), "it to begin")
        left = psutil.Process(int(begun.read_text()))
        host.kill(host.agent_pid())
        with pytest.raises(TargetError, match="broke off"):
            run.result(timeout=60)
        until(lambda: not left.is_running(), "it to be ended")
    assert len(begun.read_text().split()) == 1


def test_a_unit_that_was_not_ready_when_its_agent_died_is_still_waited_for(host: Hosts) -> None:
    agent = host.up()
    ready = Probe("exec", ("test", "-e", str(host.root() / "data/go")), within_seconds=60)
    with ThreadPoolExecutor() as pool:
        start = pool.submit(agent.start, sleeper("a", ready=ready))
        until(lambda: agent.observe().unit("a") and unit(agent, "a").pid, "a to be started")
        before = unit(agent, "a").pid
        host.kill(host.agent_pid())
        agent.write([File("data/go", "")])
        start.result(timeout=60)
    assert unit(agent, "a").pid == before


def test_how_a_unit_ended_is_known_to_the_next_agent_too(host: Hosts) -> None:
    agent = host.up()
    text = "import signal, sys; signal.signal(15, lambda *_: sys.exit(42)); print('up', flush=True)"
    agent.start(script("a", text + "\nwhile True: signal.pause()"))
    until(lambda: list(host.target.logs("vm1", ["a"], lines=1, follow=False)), "a to be up")
    pid = unit(agent, "a").pid
    assert pid is not None
    host.kill(host.agent_pid())
    until(lambda: unit(agent, "a").state == "running", "a to be adopted")
    os.kill(pid, signal.SIGTERM)
    until(lambda: unit(agent, "a").restarts == 1, "a restart")
    assert "a: exited with code 42" in (host.root() / "logs/agent.log").read_text()


def test_a_shutdown_that_its_agent_did_not_survive_is_finished(host: Hosts) -> None:
    agent = host.up()
    text = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
    agent.start(script("a", text + "\nwhile True: signal.pause()", stop=Stop(within_seconds=2.0)))
    until(lambda: list(host.target.logs("vm1", ["a"], lines=1, follow=False)), "a to be up")
    with ThreadPoolExecutor() as pool:
        down = pool.submit(agent.shutdown)
        until(lambda: unit(agent, "a").state == "stopping", "a to be stopping")
        host.kill(host.agent_pid())
        down.result(timeout=60)
    assert host.target.reach("vm1") is None
    assert host.processes() == []
    assert host.up().observe().units == ()


def test_a_host_that_is_told_to_terminate_comes_back_with_all_its_units(host: Hosts) -> None:
    """As when the machine is restarted: everything ends in order, nothing is forgotten."""
    agent = host.up()
    endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
    agent.start(member(agent))
    agent.handover("app", 1)
    keeper, pid = psutil.Process(host.keeper_pid()), psutil.Process(host.agent_pid())
    keeper.terminate()
    until(lambda: not pid.is_running() and not keeper.is_running(), "both to be gone")
    assert host.processes() == []
    agent = host.up()
    until(lambda: unit(agent, "app.1.0").state == "running", "the pool to accept again")
    assert dict(agent.observe().sockets) == {"app": endpoint}


def test_destroying_a_dead_host_ends_what_it_left_behind(host: Hosts) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    left = psutil.Process(unit(agent, "a").pid)
    host.kill_host()
    assert left.is_running()
    host.target.destroy("vm1")
    until(lambda: not left.is_running(), "the unit to be gone")
    assert host.target.hosts() == ()
    assert not host.root().exists()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """One megabyte, for root in a mount namespace of its own; units see it as their state."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = Path(tempfile.mkdtemp(prefix="tfd-", dir="/tmp"))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"small", str(place).encode(), b"tmpfs", 0, b"size=1m,mode=755") != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield place
    finally:
        libc.umount2(str(place).encode(), 2)
        place.rmdir()


def fill_up(path: Path) -> None:
    """Leave no byte free."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_fails_the_order_and_nothing_else(small_disk: Path) -> None:
    with hosts(state=small_disk) as host:
        agent = host.up()
        agent.start(sleeper("a"))
        pid, before = host.agent_pid(), unit(agent, "a")
        fill = host.root() / "data/fill"
        fill_up(fill)
        with pytest.raises(TargetError, match=r"cannot write .*b\.json: No space left") as fault:
            agent.start(sleeper("b"))
        assert fault.value.next is not None
        with pytest.raises(TargetError, match=r"cannot write .*big: No space left"):
            agent.write([File("data/big", "x" * 100_000)])
        with pytest.raises(TargetError, match="No space left"):
            agent.listen([Listen("app", agent.address, 0)])
        with pytest.raises(TargetError, match="No space left"):
            agent.start(sleeper("a", env={"CHANGED": "1"}))
        with pytest.raises(TargetError, match="No space left"):
            agent.run(Command(("true",)))
        seen = agent.observe()
        assert seen.units == (before,)
        assert seen.free_bytes is not None, "also where nothing may be asked of a command"
        assert seen.free_bytes < 4096
        assert host.agent_pid() == pid
        assert not list(host.root().rglob(".*.new"))
        fill.unlink()
        agent.start(sleeper("b"))
        assert unit(agent, "b").state == "running"


def test_a_unit_that_crashes_on_a_full_disk_comes_back_when_there_is_room(
    small_disk: Path,
) -> None:
    with hosts(state=small_disk) as host:
        agent = host.up()
        agent.start(sleeper("a"))
        fill = host.root() / "data/fill"
        fill_up(fill)
        pid = unit(agent, "a").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: "No space left" in str(unit(agent, "a").reason), "the reason to show")
        assert len(host.processes()) == 0
        fill.unlink()
        until(lambda: unit(agent, "a").state == "running", "a to run")


def test_a_host_on_a_full_disk_can_be_shut_down(small_disk: Path) -> None:
    with hosts(state=small_disk) as host:
        agent = host.up()
        agent.start(sleeper("a"))
        fill_up(host.root() / "data/fill")
        agent.shutdown()
        assert host.processes() == []
        assert host.target.reach("vm1") is None
        (host.root() / "data/fill").unlink()


def test_a_directory_that_became_read_only_fails_the_order_and_nothing_else(host: Hosts) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    pid, before = host.agent_pid(), unit(agent, "a")
    folder = host.root() / "agent/units"
    folder.chmod(0o500)
    try:
        with pytest.raises(TargetError, match=r"cannot write .*b\.json: Permission denied"):
            agent.start(sleeper("b"))
        with pytest.raises(TargetError, match=r"cannot write .*a\.json: Permission denied"):
            agent.start(sleeper("a", env={"CHANGED": "1"}))
        assert agent.observe().units == (before,)
    finally:
        folder.chmod(0o700)
    agent.start(sleeper("b"))
    assert unit(agent, "b").state == "running"
    assert host.agent_pid() == pid


def test_a_copied_project_leaves_the_original_alone(host: Hosts) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    before = unit(agent, "a")
    with hosts() as copy:
        shutil.copytree(host.state, copy.state, dirs_exist_ok=True, ignore=sockets_and_locks)
        other = copy.up()
        assert other.observe().units == ()
        assert other.paths.address != agent.paths.address
        other.start(sleeper("a"))
    assert agent.observe().units == (before,)


def sockets_and_locks(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("run", "agent.lock")]


def test_a_host_that_was_moved_while_it_ran_is_started_anew_where_it_is(host: Hosts) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    left = psutil.Process(unit(agent, "a").pid)
    with hosts() as moved:
        moved.state.rmdir()
        host.state.rename(moved.state)
        host.state.mkdir()
        agent = moved.up()
        assert agent.observe().units == ()
        assert not left.is_running()


def test_two_who_ensure_a_host_at_once_get_the_same_one(host: Hosts) -> None:
    def ensure(_: int) -> int:
        return int(host.target.ensure(Host("vm1")).hello()["pid"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(ensure, range(6)))) == 1


def test_a_host_that_cannot_start_says_what_its_agent_said(
    host: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = host.state / "broken.py"
    broken.write_text("raise SystemExit('no module named tenfold here')")
    monkeypatch.setattr(target, "START_SECONDS", 1.0)
    monkeypatch.setattr(starting, "_AGENT", broken)
    with pytest.raises(TargetError, match="the agent of vm1 did not come up") as failure:
        host.up()
    assert "no module named tenfold here" in str(failure.value.detail)
    assert "the agent ended; next start in" in str(failure.value.detail)
    monkeypatch.undo()
    for process in host.daemons("vm1"):
        process.kill()
    assert host.up().observe().units == ()


@pytest.mark.parametrize("text", ["{", "{}", '{"name": "app"}'])
def test_other_spoilt_records_are_set_aside_and_said(host: Hosts, text: str) -> None:
    agent = host.up()
    agent.start(sleeper("a"))
    agent.listen([Listen("app", agent.address, 0)])
    running = unit(agent, "a").pid
    host.kill_host()
    for folder in ("sockets", "handovers", "runs"):
        place = host.root() / "agent" / folder
        place.mkdir(exist_ok=True)
        (place / "app.json").write_text(text)
        for path in (place, place / "app.json"):
            os.chown(path, (host.root() / "data").stat().st_uid, -1)
    agent = host.up()
    assert unit(agent, "a").pid == running
    said = (host.root() / "logs/agent.log").read_text()
    for folder in ("sockets", "handovers", "runs"):
        assert f"{folder}/app.json is unreadable" in said
        assert (host.root() / "agent" / folder / "app.json.unreadable").exists()
    agent.listen([Listen("app", agent.address, 0)])
