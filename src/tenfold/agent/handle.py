"""A hold on one process: watch it, signal it, end it and everything it started.

On Linux the hold is a pidfd, which means this process for ever, whatever becomes of its pid.
Elsewhere, and on kernels without pidfd, the identity is checked before each signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal as signals
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGKILL, Signals

from tenfold.agent import identity as ids
from tenfold.agent.identity import Identity

POLL_SECONDS = 0.05
STATUS_WITHIN_SECONDS = 0.5
_SWEEPS = 20


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended; ``status`` as of ``waitpid``, ``None`` when nobody could tell."""

    status: int | None

    @property
    def code(self) -> int | None:
        """Exit code, or minus the signal's number."""
        return None if self.status is None else os.waitstatus_to_exitcode(self.status)

    def __str__(self) -> str:
        code = self.code
        if code is None:
            return "ended (how is not known)"
        if code >= 0:
            return f"exited with code {code}"
        try:
            return f"was ended by {Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"


class ExitStatuses:
    """What others collected for us: exit statuses by pid, as the keeper tells them."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._changed = asyncio.Event()

    def learn(self, pid: int, status: int) -> None:
        """The process with this pid was collected with this status."""
        self._known[pid] = status
        while len(self._known) > 1000:
            del self._known[next(iter(self._known))]
        self._changed.set()

    async def of(self, pid: int) -> int | None:
        """The status, if it comes within half a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_WITHIN_SECONDS):
                while pid not in self._known:
                    self._changed.clear()
                    await self._changed.wait()
        return self._known.pop(pid, None)


class Process:
    """One process, from spawn or adoption to its end.

    Use :meth:`child` for one that this process forked, :meth:`adopt` for any other.
    """

    def __init__(
        self,
        identity: Identity,
        pidfd: int | None,
        statuses: ExitStatuses | None,
        *,
        child: bool,
        thorough: bool,
    ) -> None:
        self.identity = identity
        self._pidfd = pidfd
        self._child = child
        self._thorough = thorough
        self._statuses = statuses
        self._exit: asyncio.Task[Exit] | None = None
        self._over = False
        self._spares = False

    @classmethod
    def child(cls, identity: Identity, *, thorough: bool = True) -> Process:
        """A hold on one's own child that was not waited for.

        ``thorough`` ends at its end everything that it started, wherever that went; without, which
        costs no look at every process of the machine, only what stayed in its group.
        """
        return cls(identity, _pidfd(identity.pid), None, child=True, thorough=thorough)

    @classmethod
    def adopt(cls, identity: Identity, statuses: ExitStatuses | None = None) -> Process | None:
        """A hold on a process that somebody else started, or ``None`` if it is no longer there.

        The descriptor comes first and the check second: what is checked is what is held.
        """
        pidfd = _pidfd(identity.pid)
        if not ids.is_alive(identity):
            if pidfd is not None:
                os.close(pidfd)
            return None
        return cls(identity, pidfd, statuses, child=False, thorough=True)

    @property
    def pid(self) -> int:
        """Its pid; good for showing, never for signalling."""
        return self.identity.pid

    @property
    def is_over(self) -> bool:
        """Whether its end was seen."""
        return self._over

    async def wait(self) -> Exit:
        """Wait for its end; many may wait. What it started in its session is gone then, too."""
        if self._exit is None:
            self._exit = asyncio.create_task(self._watch(), name=f"watch {self.pid}")
        return await asyncio.shield(self._exit)

    def signal(self, number: Signals) -> bool:
        """Send it a signal; ``False`` when it has ended."""
        if self._over:
            return False
        return _send(self.identity, self._pidfd, number)

    async def end(self, number: Signals, within_seconds: float) -> Exit:
        """Signal it, give it time, then kill it with all that it started."""
        if self.signal(number):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_seconds):
                    return await self.wait()
            self.kill()
        return await self.wait()

    def kill(self) -> None:
        """SIGKILL for it and everything that it started."""
        held = not self._over
        self.signal(SIGKILL)
        kill_descendants(self.identity, leader_held=held)

    def spare(self, *, all_of_it: bool = True) -> None:
        """From now on nothing is ended along with it, or is again; its own end is collected."""
        self._spares = all_of_it
        if self._exit is None:
            self._exit = asyncio.create_task(self._watch(), name=f"watch {self.pid}")

    def release(self) -> None:
        """Let go of it, without waiting for its end."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        self._over = True

    async def _watch(self) -> Exit:
        await self._ended()
        # A child that was not collected keeps the number of its group and session from being used
        # again, so that stragglers (workers that outlive their parent) can be told by it.
        if self._child and not self._spares:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, SIGKILL)
        if self._thorough and not self._spares:
            kill_descendants(self.identity, leader_held=self._child)
        exit_ = Exit(await self._collect())
        self._over = True
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        return exit_

    async def _ended(self) -> None:
        if self._pidfd is None:
            while not self._has_ended():
                await asyncio.sleep(POLL_SECONDS)
            return
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_reader(self._pidfd, _finish, ended)
        try:
            await ended
        finally:
            loop.remove_reader(self._pidfd)

    def _has_ended(self) -> bool:
        if self._child:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.pid, flags) is not None
        return not ids.is_alive(self.identity)

    async def _collect(self) -> int | None:
        if self._child:
            return os.waitpid(self.pid, 0)[1]
        return None if self._statuses is None else await self._statuses.of(self.pid)


def kill_descendants(leader: Identity, *, leader_held: bool) -> int:
    """SIGKILL for everything but the leader that belongs to its unit; gives how many there were."""
    killed = 0
    for _ in range(_SWEEPS):
        found = [i for i in descendants(leader, leader_held=leader_held) if i.pid != leader.pid]
        if not found:
            break
        killed += sum(signal_if_same(i, SIGKILL) for i in found)
    return killed


def descendants(leader: Identity, *, leader_held: bool) -> list[Identity]:
    """The living processes of a unit, its leader included."""
    if leader.boot != ids.boot_id():
        return []
    holder = ids.started(leader.pid)
    used = holder is not None and holder != leader.started
    return [
        Identity(found.pid, found.started, leader.boot, leader.nonce)
        for found in ids.everyone()
        if ids.belongs(found, leader, leader_held=leader_held, leader_pid_used=used)
    ]


def signal_if_same(identity: Identity, number: Signals) -> bool:
    """Signal a process if it still is the one that is meant; never its successor in the pid."""
    process = Process.adopt(identity)
    if process is None:
        return False
    try:
        return process.signal(number)
    finally:
        process.release()


def _pidfd(pid: int) -> int | None:
    opener: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        return opener(pid)
    except OSError:
        return None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _send(identity: Identity, pidfd: int | None, number: Signals) -> bool:
    try:
        if pidfd is not None:
            signals.pidfd_send_signal(pidfd, number)
        elif ids.is_alive(identity):
            os.kill(identity.pid, number)
        else:
            return False
    except (ProcessLookupError, PermissionError):
        return False
    return True
