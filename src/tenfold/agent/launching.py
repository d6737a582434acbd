"""From declaration to process: prepare, open the log, pass the sockets, execute."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.agent import failure, run
from tenfold.agent.builds import build_of, builds_of
from tenfold.agent.context import environment
from tenfold.agent.entrusting import spared_builds
from tenfold.agent.handle import Process
from tenfold.agent.identity import MARKER
from tenfold.agent.logs import open_for_unit
from tenfold.agent.spawn import FIRST_PASSED_FD, CannotExecute, Plan, spawn
from tenfold.agent.store import cannot_write
from tenfold.topology.process import Command, Launch

if TYPE_CHECKING:
    from tenfold.agent.unit import Unit


async def launch(unit: Unit) -> None:
    """Give the unit its process.

    Raises:
        UnitFailed: a preparing command failed, or the program cannot be executed.
        TargetError: the identity of the process could not be kept, or a socket is missing.
    """
    declared = unit.order.launch
    for command in declared.prepare:
        await _prepare(unit, command)
    if declared.control is not None:
        _remove_socket(Path(declared.control))
    fds = [unit.context.sockets.fd(name) for name in declared.sockets]
    nonce = unit.context.new_nonce()
    env = {**environment(declared.env), MARKER: unit.context.marker(unit.name, nonce)}
    output = _open_log(unit)
    unit.log_mark = os.fstat(output).st_size
    try:
        plan = Plan(
            argv=[with_fds(word, declared) for word in declared.argv],
            env={name: with_fds(value, declared) for name, value in env.items()},
            cwd=declared.cwd,
            output=output,
            fds=fds,
            nonce=nonce,
        )
        # Looked at before: what takes its place meanwhile is then noticed, not mistaken for it.
        build = build_of(plan.argv[0], plan.env)
        builds = {**builds_of(declared.programs), **spared_builds(unit.record)}
        await spawn(plan, lambda process: _remember(unit, process, build, builds))
    except CannotExecute as fault:
        unit.process = None
        raise failure.not_executed(unit.name, declared, fault.what) from fault
    finally:
        os.close(output)


def with_fds(text: str, declared: Launch) -> str:
    """``{fd:NAME}`` replaced by the number that the socket has in the child."""
    for number, name in enumerate(declared.sockets, start=FIRST_PASSED_FD):
        text = text.replace(f"{{fd:{name}}}", str(number))
    return text


def runs_otherwise(new: Launch, old: Launch) -> bool:
    """Whether what runs would be another one; how it is asked and ended is none of that."""
    alike = ("argv", "cwd", "env", "sockets", "control", "programs")
    return any(getattr(new, name) != getattr(old, name) for name in alike)


def _remember(unit: Unit, process: Process, build: str | None, builds: Mapping[str, str]) -> None:
    unit.process = process
    known = {"build": build, "builds": builds, "superseded": False}
    try:
        unit.remember(process=process.identity, phase="run", ready=False, stale=False, **known)
    except BaseException:
        unit.process = None
        raise


def _open_log(unit: Unit) -> int:
    try:
        return open_for_unit(unit.log)
    except OSError as fault:
        raise cannot_write(unit.log, fault) from fault


def _remove_socket(path: Path) -> None:
    """A socket that a killed predecessor left would be taken for the new process's."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


async def _prepare(unit: Unit, command: Command) -> None:
    if command.creates is not None and Path(command.creates).exists():
        return
    declared = unit.order.launch
    nonce = unit.context.new_nonce()

    def persist(process: Process) -> None:
        unit.remember(process=process.identity, phase="prepare", ready=False, stale=False)

    try:
        async with asyncio.timeout(command.within_seconds):
            code, tail = await run.stream(
                command.argv,
                environment({**declared.env, **command.env}),
                command.cwd or declared.cwd,
                unit.context.marker(unit.name, nonce),
                persist=persist,
            )
    except TimeoutError:
        how = f"did not end within {command.within_seconds:g} s"
        raise failure.not_prepared(unit.name, declared, command, how, "") from None
    except CannotExecute as fault:
        raise failure.not_prepared(unit.name, declared, command, fault.what, "") from fault
    if code != 0:
        raise failure.not_prepared(unit.name, declared, command, f"exit code {code}", tail)
    if command.creates is not None and not Path(command.creates).exists():
        how = f"it did not create {command.creates}"
        raise failure.not_prepared(unit.name, declared, command, how, tail)
