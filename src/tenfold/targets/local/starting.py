"""Start a host's keeper, which starts its agent: as oneself, or from root as somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
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


def complete(place: HostDirectory, account: Account, needed: Sequence[str], pid: int) -> None:
    """Have a running agent reach what is needed now. Raises ``TargetError``."""
    descent.complete(place, account, needed, pid, partial(_execute, place, os.environ))


def _execute(
    place: HostDirectory, environment: Mapping[str, str], argv: Sequence[str], fds: tuple[int, ...]
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
            timeout=START_SECONDS,
        )
    except subprocess.TimeoutExpired as fault:
        waited = f"waited {START_SECONDS:g} s for the agent of {place.name} to be started"
        raise TargetError(waited, next=f"look at {place.agent_log}") from fault
    finally:
        os.close(log)
