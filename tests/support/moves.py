"""Commands that move a database, stopped or killed at named points, and the users meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from tests.support.project import Project
from tests.support.users import Users

from tenfold.agent import identity
from tenfold.drills import cutting
from tenfold.drills.processes import Named

Bring = Callable[[Any], Project]
GO_ON_SECONDS = 60.0
COME_SECONDS = 600.0
"""How long a command may take to come to a point, on a machine that is busy with other things."""


def stopped_at(
    project: Project, point: str, *arguments: str, heard: bool = False
) -> subprocess.Popen[str] | None:
    """A command that has come to this point and stands still there; ``None`` if it ended before.

    ``heard``: what it says is kept, for :func:`go_on`; one that ends before fails the test with it.
    """
    to = subprocess.PIPE if heard else subprocess.DEVNULL
    command = subprocess.Popen(
        [sys.executable, "-m", "tenfold", *arguments],
        cwd=project.path,
        env={**os.environ, "TENFOLD_STOP_AT": point},
        stdin=subprocess.DEVNULL,
        stdout=to,
        stderr=subprocess.STDOUT if heard else to,
        text=True,
    )
    process = psutil.Process(command.pid)
    deadline = time.monotonic() + COME_SECONDS
    while command.poll() is None:
        assert time.monotonic() < deadline, point
        if process.status() == psutil.STATUS_STOPPED:
            return command
        time.sleep(0.002)
    if heard:
        said, _ = command.communicate()
        raise AssertionError(f"it ended with {command.returncode} before {point}\n{said}")
    return None


def go_on(command: subprocess.Popen[str], *, within: float) -> tuple[int, str, float]:
    """Let a stopped command go on to its end; its exit code, what it said, how long it took."""
    began = time.monotonic()
    command.send_signal(signal.SIGCONT)
    try:
        said, _ = command.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        command.kill()
        said, _ = command.communicate()
        raise AssertionError(f"it has not ended within {within:g} s\n{said}") from None
    return command.returncode, said, time.monotonic() - began


def end(command: subprocess.Popen[str]) -> None:
    """Whatever became of it, and nothing of it is left open."""
    command.kill()
    command.communicate()


def require_said(said: str, *words: str) -> None:
    """All of these words are in what a command said."""
    missing = [word for word in words if word not in said]
    assert not missing, f"{missing} not in:\n{said}"


def killed_at(project: Project, point: str, *arguments: str) -> bool:
    """Have a command come to this point and kill it there; ``False`` if it ended before."""
    command = stopped_at(project, point, *arguments)
    if command is None:
        return False
    command.send_signal(signal.SIGKILL)
    command.wait()
    return True


def victims(project: Project, victim: str, growing: bool) -> list[int]:
    """The processes of one part of a move between 10 and 100; none while it does not run."""
    hosts = {h["name"]: h for h in project.status()["hosts"]}
    app = hosts.get("vm1") or hosts["app1"]
    old, new = (app, hosts.get("db1")) if growing else (hosts["db1"], app)
    host, engine = {
        "old agent": (old, "tenfold"),
        "new agent": (new, "tenfold"),
        "old database": (old, "postgresql"),
        "new database": (new, "postgresql"),
        "edge": (app, "nginx"),
        "app": (app, "uvicorn"),
    }[victim]
    units = host["units"] if host else []
    return [unit["pid"] for unit in units if unit["engine"] == engine and unit["pid"]]


def rescuer_of(command: subprocess.Popen[str]) -> psutil.Process:
    """Who stands by in case this command is killed."""
    children = psutil.Process(command.pid).children()
    found = [p for p in children if "tenfold.deployment.rescue" in p.cmdline()]
    assert len(found) == 1, children
    return found[0]


def kill_with_rescuer(command: subprocess.Popen[str]) -> None:
    """kill -9 of a stopped command and of who stands by: nobody is left but the agents."""
    rescuer = rescuer_of(command)
    rescuer.kill()
    command.kill()
    command.wait()


def wait_for_answers(users: Users) -> None:
    """Both users are answered again."""
    before = len(users.acknowledged)
    deadline = time.monotonic() + GO_ON_SECONDS
    while len(users.acknowledged) < before + 4:
        assert time.monotonic() < deadline, "requests did not go on"
        time.sleep(0.05)


def settle(project: Project, command: str = "resume") -> None:
    """Finish what was cut off, if anything was, or give it up; the rescuer may be at work."""
    deadline = time.monotonic() + 120
    while True:
        done = project.tenfold(command, timeout=200)
        if done.returncode == 0 or "nothing was cut off" in done.stderr:
            return
        assert "at work" in done.stderr, done.stdout + done.stderr
        assert time.monotonic() < deadline
        time.sleep(0.2)


def require_unharmed(project: Project, users: Users) -> None:
    """No request failed, nothing that was acknowledged is missing, and the site serves."""
    assert users.failures == []
    found = project.get("/notes")
    assert found.status == 200, found.text
    assert sorted(found.json()) == sorted(users.acknowledged)
    assert project.request("POST", "/notes", body=b"after all").status == 201


def processes_of(project: Project, host: str) -> list[psutil.Process]:
    """Keeper, agent and units of one host, with all that they started."""
    mark = str(project.path / ".tenfold" / "hosts" / host)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if any(mark in word for word in process.cmdline()):
                found |= {p.pid: p for p in (process, *process.children(recursive=True))}
        except psutil.Error:
            continue
    return list(found.values())


@contextmanager
def cut_off(project: Project, host: str) -> Iterator[None]:
    """No packet of TCP comes to or from a host while the block runs; its agent's socket, which is
    a file here, answers. For tests that may use nftables and control groups.

    Who belongs to which side: everything of that host; all of the other hosts, and this process
    with whatever it has begun or begins.
    """
    addresses = {h["name"]: h["address"] for h in project.status()["hosts"]}
    others = [name for name in addresses if name != host]
    own = psutil.Process()

    def inside() -> tuple[Named, ...]:
        return _named(processes_of(project, host))

    def outside() -> tuple[Named, ...]:
        theirs = [p for name in others for p in processes_of(project, name)]
        return _named([own, *own.children(recursive=True), *theirs])

    name = cutting.table(f"test_{os.getpid()}")
    back = cutting.homes(inside, outside)
    sides = [addresses[host]], [addresses[other] for other in others]
    try:
        cutting.cut(name, inside, outside, sides, lambda: None)
        yield
    finally:
        cutting.mend(name, back)


def _named(found: Iterable[psutil.Process]) -> tuple[Named, ...]:
    pids = {process.pid for process in found}
    return tuple((pid, begun) for pid in pids if (begun := identity.started(pid)) is not None)


@contextmanager
def silenced(project: Project, host: str) -> Iterator[None]:
    """A host that says nothing while the block runs: all of it stands still."""
    stopped: list[psutil.Process] = []
    try:
        # Again and again: whoever was not stopped yet may have started somebody.
        while more := [p for p in processes_of(project, host) if p not in stopped]:
            for process in more:
                stopped.append(process)
                process.suspend()
        assert len(stopped) > 4, f"{host} has no agent and no PostgreSQL: {stopped}"
        yield
    finally:
        for process in reversed(stopped):
            if process.is_running():
                process.resume()
