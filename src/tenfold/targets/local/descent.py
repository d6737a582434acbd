"""From root to the account of units: start their keeper in a view.

The mounts of a running agent's view are remembered beside its directory, where only root writes.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tenfold.agent
from tenfold.agent.store import cannot_write, replace_file
from tenfold.agent.view import Closed, Mount, needed_view
from tenfold.errors import TargetError
from tenfold.targets.local import attended as attending
from tenfold.targets.local.account import Account, look
from tenfold.targets.local.directory import HostDirectory

_DESCEND = Path(tenfold.agent.__file__).with_name("descend.py")

Execute = Callable[[Sequence[str], tuple[int, ...]], None]


def begin(
    place: HostDirectory,
    account: Account,
    needed: Sequence[str],
    argv: Sequence[str],
    execute: Execute,
) -> None:
    """Execute ``argv`` as the account, in a view in which it reaches everything ``needed``.

    Raises:
        TargetError: it cannot; names the closed directories.
    """
    mounts = _view(account, needed)
    _descend(account, mounts, argv, execute)
    _remember(place, mounts)


def attended(
    account: Account, needed: Sequence[str], argv: Sequence[str], env: Mapping[str, str]
) -> int:
    """Run a program that a person talks to as the account, in a view; gives its exit code.

    Raises:
        TargetError: it cannot be begun.
    """
    told, faults = os.pipe()
    try:
        plan = _plan(account, _view(account, needed))
        command = [sys.executable, "-I", "-S", str(_DESCEND), str(faults), plan, *argv]
        return attending.run(command, env, faults, told)
    finally:
        os.close(told)


def beside(
    account: Account,
    needed: Sequence[str],
    argv: Sequence[str],
    env: Mapping[str, str],
    pipes: Mapping[str, Any],
) -> subprocess.Popen[Any]:
    """Start a program that is no host's as the account, in a view and a session of its own.

    Raises:
        TargetError: it cannot be begun.
    """
    started: list[subprocess.Popen[Any]] = []

    def execute(command: Sequence[str], fds: tuple[int, ...]) -> None:
        started.append(
            subprocess.Popen(
                command, cwd="/", env=dict(env), pass_fds=fds, start_new_session=True, **pipes
            )
        )

    try:
        _descend(account, _view(account, needed), argv, execute)
    except TargetError:
        for process in started:
            process.communicate()
        raise
    return started[0]


def require(place: HostDirectory, account: Account, needed: Sequence[str]) -> None:
    """See that a running agent's view has all that is needed now.

    A view is not extended from outside: root would have to act inside of what the units' user made.

    Raises:
        TargetError: it has not; says what to do.
    """
    known = _remembered(place)
    missing = [m.path for m in _view(account, needed) if m not in known]
    if missing:
        raise TargetError(
            f"{', '.join(missing)} is needed now, and {place.name}, which runs as {account.name},"
            " was started without it",
            next="tenfold down, then  tenfold up",
        )


def _view(account: Account, needed: Sequence[str]) -> tuple[Mount, ...]:
    try:
        return needed_view(needed, look, account.uid, account.gid)
    except Closed as closed:
        raise TargetError(
            f"units run as {account.name}, who may not enter or read {closed.path}",
            next=f"chmod o+rx {closed.path}, or run Tenfold as the user that it belongs to",
        ) from closed


def _descend(
    account: Account, mounts: Sequence[Mount], argv: Sequence[str], execute: Execute
) -> None:
    plan = _plan(account, mounts)
    reader, writer = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", str(_DESCEND), str(writer), plan, *argv]
        execute(command, (writer,))
        os.close(writer)
        writer = -1
        fault = os.read(reader, 4096)
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    if fault:
        raise _cannot_descend(account, mounts, json.loads(fault))


def _plan(account: Account, mounts: Sequence[Mount]) -> str:
    steps = [list(asdict(mount).values()) for mount in mounts]
    return json.dumps({"uid": account.uid, "gid": account.gid, "mounts": steps})


def _cannot_descend(
    account: Account, mounts: Sequence[Mount], fault: dict[str, Any]
) -> TargetError:
    closed = ", ".join(m.path for m in mounts if m.kind == "cover") or ", ".join(
        m.path for m in mounts
    )
    if not closed:
        return TargetError(f"cannot run units as {account.name}: {fault['text']}")
    denied = fault["errno"] in (errno.EPERM, errno.EACCES, errno.ENOSYS)
    why = "this machine does not let root mount anything" if denied else fault["text"]
    return TargetError(
        f"units run as {account.name}, who may not enter {closed}, and {why}",
        next=f"run Tenfold as an ordinary user, or move what lies in {closed} elsewhere",
    )


def _remember(place: HostDirectory, mounts: Sequence[Mount]) -> None:
    path = place.view
    try:
        replace_file(path, json.dumps([asdict(m) for m in mounts]).encode(), 0o600)
    except OSError as fault:
        raise cannot_write(path, fault) from fault


def _remembered(place: HostDirectory) -> tuple[Mount, ...]:
    try:
        return tuple(Mount(**m) for m in json.loads(place.view.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return ()
