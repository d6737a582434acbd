"""Start a host's keeper, which starts its agent: as oneself, or from root as somebody else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import tenfold.agent
from tenfold.agent.keeper_link import keeper_argv
from tenfold.errors import TargetError
from tenfold.targets.local import descent
from tenfold.targets.local.account import Account
from tenfold.targets.local.directory import HostDirectory

START_SECONDS = 30.0
_AGENT = Path(tenfold.agent.__file__).with_name("__main__.py")


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
        _execute(place, environment, argv, (lock,))
        return

    def execute(command: Sequence[str], fds: tuple[int, ...]) -> None:
        _execute(place, account.environment(environment, place.root), command, (lock, *fds))

    descent.begin(place, account, needed, argv, execute)


def _execute(
    place: HostDirectory, environment: Mapping[str, str], argv: Sequence[str], fds: tuple[int, ...]
) -> None:
    log = _own_log(place)
    try:
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
            timeout=START_SECONDS,
        )
    except subprocess.TimeoutExpired as fault:
        waited = f"waited {START_SECONDS:g} s for the agent of {place.name} to be started"
        raise TargetError(waited, next=f"look at {place.agent_log}") from fault
    finally:
        os.close(log)


def _own_log(place: HostDirectory) -> int:
    """The agent's log, opened to append; it lies where the units' user may put other things."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        log = os.open(place.agent_log, flags, 0o644)
    except OSError as fault:
        raise TargetError(
            f"cannot write {place.agent_log}: {fault.strerror}", next=f"rm {place.agent_log}"
        ) from fault
    found, folder = os.fstat(log), place.agent_log.parent.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(log)
        raise TargetError(f"{place.agent_log} is not a file of its own", next="remove it")
    os.set_blocking(log, True)
    os.fchown(log, folder.st_uid, folder.st_gid)
    return log
