"""Start a host's keeper, which starts its agent: as oneself, or from root as somebody else."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import tenfold.agent
from tenfold.agent.keeper_link import keeper_argv
from tenfold.agent.view import Closed, Mount, needed_view
from tenfold.errors import TargetError
from tenfold.targets.local.account import Account, look
from tenfold.targets.local.directory import HostDirectory

_AGENT = Path(tenfold.agent.__file__).with_name("__main__.py")
_DESCEND = Path(tenfold.agent.__file__).with_name("descend.py")


def start(
    place: HostDirectory,
    lock: int,
    purpose: str,
    environment: Mapping[str, str],
    account: Account | None,
    needed: Sequence[str],
) -> None:
    """Start the keeper in the background; it holds ``lock`` from now on.

    The agent that it starts is to ``serve``, or to end what is left and leave (``down``).

    Raises:
        TargetError: the user cannot be made to reach what it needs.
    """
    agent = [sys.executable, "-I", str(_AGENT), str(place.root), purpose]
    argv = keeper_argv(-1, lock, agent, detach=True)
    if account is None:
        _execute(place, argv, environment, (lock,))
        return
    mounts = view_for(account, needed)
    reader, writer = os.pipe()
    try:
        plan = {"uid": account.uid, "gid": account.gid, "mounts": [_step(m) for m in mounts]}
        options = [str(writer), json.dumps(plan)]
        descend = [sys.executable, "-I", "-S", str(_DESCEND), *options, *argv]
        _execute(place, descend, account.environment(environment, place.root), (lock, writer))
        os.close(writer)
        writer = -1
        fault = os.read(reader, 4096)
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    if fault:
        raise _cannot_descend(account, mounts, json.loads(fault))


def view_for(account: Account, needed: Sequence[str]) -> tuple[Mount, ...]:
    """The mounts that the account needs. Raises ``TargetError`` when no mounts would do."""
    try:
        return needed_view(needed, look, account.uid, account.gid)
    except Closed as closed:
        raise TargetError(
            f"units run as {account.name}, who may not read {closed.path}",
            next=f"chmod o+rx {closed.path}, or run Tenfold as the user that it belongs to",
        ) from closed


def _execute(
    place: HostDirectory, argv: Sequence[str], environment: Mapping[str, str], fds: tuple[int, ...]
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    log = os.open(place.agent_log, flags, 0o644)
    try:
        os.fchown(log, place.root.stat().st_uid, -1)
        subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environment),
            cwd="/",
            pass_fds=fds,
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(log)


def _step(mount: Mount) -> list[str]:
    return list(asdict(mount).values())


def _cannot_descend(
    account: Account, mounts: Sequence[Mount], fault: Mapping[str, object]
) -> TargetError:
    closed = ", ".join(m.path for m in mounts if m.kind == "cover")
    if not closed:
        return TargetError(f"cannot run units as {account.name}: {fault['text']}")
    denied = fault["errno"] in (errno.EPERM, errno.EACCES)
    why = "this machine does not let root mount anything" if denied else str(fault["text"])
    return TargetError(
        f"units run as {account.name}, who may not enter {closed}, and {why}",
        next=f"run Tenfold as an ordinary user, or move what lies in {closed} elsewhere",
    )
