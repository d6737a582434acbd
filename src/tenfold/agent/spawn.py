"""Start a process such that no crash of the agent can leave one that nobody knows.

The child waits at a gate, before it executes its program, until its parent has made its identity
durable. A parent that dies first closes the gate, and the child ends by itself.

The parts of ``subprocess`` that are needed here would wait for the execution, or start a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tenfold.agent.handle import Process
from tenfold.agent.identity import Identity, of_process
from tenfold.errors import StepFailed, TenfoldError

FIRST_PASSED_FD = 3
_OUT_OF_THE_WAY = 200
_WANTED_FILES = 65_536


class CannotExecute(StepFailed):
    """The program could not be executed; the text names it and the reason."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to execute. ``env`` is complete and revealed; ``fds`` become 3, 4, ... in the child;
    ``thorough`` is for :meth:`Process.child`."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    output: int
    fds: Sequence[int] = ()
    nonce: str = ""
    thorough: bool = True


async def spawn(plan: Plan, persist: Callable[[Process], None] | None = None) -> Process:
    """Execute a program in a session of its own; ``persist`` is called before it begins.

    Raises:
        CannotExecute: there is no such program or directory, or it is not executable.
        TenfoldError: whatever ``persist`` raised; the child has then ended without executing.
    """
    gate_reader, gate_writer = os.pipe()
    fault_reader, fault_writer = os.pipe()
    # Until it has handlers of its own, a signal for the child would wake this process's event loop
    # through the pipe that both have, as if it were for this process.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _child(plan, gate_reader, fault_writer)
    except OSError:
        os.close(gate_writer)
        os.close(fault_reader)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        os.close(gate_reader)
        os.close(fault_writer)
    try:
        process = Process.child(_identity_of_child(pid, plan.nonce), thorough=plan.thorough)
        try:
            if persist is not None:
                persist(process)
            with contextlib.suppress(BrokenPipeError):  # It has ended already; its exit tells how.
                os.write(gate_writer, b"g")
        except TenfoldError:
            os.close(gate_writer)
            gate_writer = -1
            await process.wait()
            raise
        await _executed(process, plan, fault_reader)
    finally:
        os.close(fault_reader)
        if gate_writer >= 0:
            os.close(gate_writer)
    return process


def _identity_of_child(pid: int, nonce: str) -> Identity:
    """A child that was not collected cannot lose its pid, so this cannot miss it."""
    identity = of_process(pid, nonce)
    return identity if identity is not None else Identity(pid, 0, "", nonce)


async def _executed(process: Process, plan: Plan, fault_reader: int) -> None:
    """Wait until the child's descriptor closes on execution, or tells why it could not."""
    loop = asyncio.get_running_loop()
    closed = loop.create_future()
    os.set_blocking(fault_reader, False)

    def readable() -> None:
        loop.remove_reader(fault_reader)
        if not closed.done():
            closed.set_result(os.read(fault_reader, 4096))

    loop.add_reader(fault_reader, readable)
    try:
        fault = await closed
    finally:
        loop.remove_reader(fault_reader)
    if fault:
        await process.wait()
        number, _, what = fault.decode().partition(" ")
        raise CannotExecute(_explanation(int(number), what, plan))


def _explanation(number: int, what: str, plan: Plan) -> str:
    reason = os.strerror(number)
    if what == "chdir":
        return f"cannot enter {plan.cwd}: {reason}"
    if number == errno.ENOENT and "/" in plan.argv[0] and Path(plan.argv[0]).exists():
        reason = "its interpreter (the #! line, or the dynamic loader) does not exist"
    return f"cannot execute {plan.argv[0]}: {reason}"


def _child(plan: Plan, gate_reader: int, fault_writer: int) -> NoReturn:
    """Between fork and execution: never returns, never raises into the parent's code."""
    stage = "prepare"
    try:
        _reset_signals()
        os.setsid()
        gate, fault, output = (_high(fd) for fd in (gate_reader, fault_writer, plan.output))
        passed = [_high(fd) for fd in plan.fds]
        _keep_only(gate, fault, output, passed)
        if os.read(gate, 1) != b"g":
            os._exit(0)
        os.close(gate)
        with contextlib.suppress(OSError, ValueError):
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        os.umask(0o022)
        stage = "chdir"
        os.chdir(plan.cwd)
        stage = "execute"
        os.execvpe(plan.argv[0], list(plan.argv), dict(plan.env))  # noqa: S606
    except OSError as failure:
        os.write(fault, f"{failure.errno} {stage}".encode())
    finally:
        os._exit(127)


def _high(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY)


def _keep_only(gate: int, fault: int, output: int, passed: list[int]) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, _OUT_OF_THE_WAY)
    for number, fd in enumerate(passed, start=FIRST_PASSED_FD):
        os.dup2(fd, number)
    kept = sorted((gate, fault))
    os.closerange(_OUT_OF_THE_WAY, kept[0])
    os.closerange(kept[0] + 1, kept[1])
    os.closerange(kept[1] + 1, max(65_536, kept[1] + 2))


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
