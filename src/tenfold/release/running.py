"""How a build runs a command: the caller says as whom and where, a release only says what."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from tenfold.errors import ReleaseError
from tenfold.release.files import Account
from tenfold.secret import Secret
from tenfold.targets.protocol import Finished
from tenfold.topology.process import Command

_TAIL_LINES = 40
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


class Runner(Protocol):
    """Runs a command to its end, as ``HostAgent.run`` does."""

    def __call__(self, command: Command, output: Callable[[str], None] | None = None) -> Finished:
        """Run it; every line that it prints goes to ``output`` as it comes."""


@dataclass(frozen=True, slots=True)
class Here:
    """Runs commands as children of this process, as ``account`` where Tenfold is root.

    ``begin`` starts them where that takes more: it gets the command and what
    :class:`subprocess.Popen` is to do with its input and output.
    """

    account: Account | None = None
    begin: Callable[..., subprocess.Popen[str]] | None = None

    def __call__(self, command: Command, output: Callable[[str], None] | None = None) -> Finished:
        """Run the command in its own session, so that its whole group ends with it.

        Raises:
            ReleaseError: there is no such program, or it takes longer than it may.
        """
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        process = self._start(command)
        overdue = threading.Event()
        timer = threading.Timer(command.within_seconds, _end, [process, overdue])
        reaper = threading.Thread(target=_end_with_leader, args=[process], daemon=True)
        timer.start()
        reaper.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                tail.append(line.rstrip("\n"))
                if output is not None:
                    output(tail[-1])
        except BaseException:
            _end(process)
            raise
        finally:
            reaper.join()
            timer.cancel()
            process.communicate()
        if overdue.is_set():
            raise ReleaseError(
                f"{shlex.join(command.argv)} took longer than {command.within_seconds:g} s",
                detail="\n".join(tail),
            )
        return Finished(process.returncode, "\n".join(tail))

    def _start(self, command: Command) -> subprocess.Popen[str]:
        account = self.account
        try:
            if self.begin is not None:
                return self.begin(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
            return subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=_environ(command.env),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ReleaseError(
                f"{command.argv[0]} cannot be run: {error.strerror}",
            ) from error


def _environ(env: Mapping[str, str | Secret]) -> dict[str, str]:
    inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
    told = {k: v.reveal() if isinstance(v, Secret) else v for k, v in env.items()}
    return inherited | told


def _end(process: subprocess.Popen[str], overdue: threading.Event | None = None) -> None:
    """End the command's whole group. Its leader is not reaped yet, so the id is still its own."""
    if overdue is not None:
        overdue.set()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end_with_leader(process: subprocess.Popen[str]) -> None:
    """What a command leaves running in the background ends with it, and lets go of its output."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    _end(process)


def lines_of(run: Runner, command: Command) -> list[str]:
    """What a command prints, line by line.

    Raises:
        ReleaseError: it does not exit with 0.
    """
    lines: list[str] = []
    done = run(command, lines.append)
    if done.code != 0:
        raise ReleaseError(f"{shlex.join(command.argv)} exited with {done.code}", detail=done.tail)
    return lines
