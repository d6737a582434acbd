"""The first process: Patroni is its child, and ends with it; whatever ends Patroni ends PostgreSQL.

It collects the processes that Patroni leaves behind, as init would (``PR_SET_CHILD_SUBREAPER``):
so nothing that Patroni began can outlive it unseen, not even a server that is just being started.
A server that ran before has another parent, and is found by its data directory.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys
import time
from typing import NoReturn

from tenfold.leash import etcd, processes
from tenfold.leash.config import Config
from tenfold.leash.deaths import Wake
from tenfold.leash.ending import END_SECONDS, fence, hand_over, say
from tenfold.leash.guarding import ADOPTS, QUIT, TIME
from tenfold.leash.processes import DataDirectory, Held
from tenfold.leash.watching import Watch, now, patroni_state

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.25
"""How soon a server that Patroni started is watched."""
LOCK_SECONDS = 30.0
FAST_STOP_SECONDS = 40.0
LEAVE_SECONDS = 2.0
MARKER = "TENFOLD_UNIT"
ENDED_BY_ITSELF, KILLED = 1, 70

_libc = ctypes.CDLL(None, use_errno=True)


def keep(config: Config, path: str) -> int:
    """Run Patroni to its end; gives the exit code.

    Raises:
        OSError: another leash has the data directory, or Patroni cannot be executed.
    """
    lock = _lock(config.lock)
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    data = DataDirectory(config.data)
    _end_who_lost_the_lead(config, data)
    leash = Leash(config, path, lock, data)
    try:
        why = leash.until_over()
    except Exception as fault:  # noqa: BLE001 - whatever it was, nothing is watched any more
        why = f"the leash failed ({fault!r})"
    return leash.leave() if why is None and leash.is_leaving else leash.end(why)


class Leash:
    """Patroni, the guard and the watch, and what was heard of them."""

    def __init__(self, config: Config, path: str, lock: int, data: DataDirectory) -> None:
        self._config, self._path, self._lock, self._data = config, path, lock, data
        self._stopping = False
        self.is_leaving = False
        self._status: int | None = None
        self._server: Held | None = None
        self._woken = _wake_up_on_signals()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGUSR1, lambda *_: self._told_to_leave())
        signal.signal(signal.SIGHUP, lambda *_: self._to_patroni(signal.SIGHUP))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._watch = Watch(config, data, adopts=_is_new_here(config, data))
        self._watch.mark()
        self._patroni = 0
        self._guard, self._guard_input = self._start_guard()
        self._watch.begin()
        Wake(config, self._watch).begin()

    def until_over(self) -> str | None:
        """Wait for what ends it; ``None`` if it was told to stop and Patroni did."""
        while True:
            self._collect()
            if self.is_leaving:
                return None
            if self._status is not None:
                return None if self._stopping else f"Patroni {_in_words(self._status)}"
            if self._stopping and not self._patroni:
                return None
            self._data.look()
            why = self._watch.why_end(now()) or self._server_is_lost()
            if why is not None:
                return why
            if not self._patroni and self._watch.known:  # Without etcd it would only wait.
                self._patroni = self._watch.patroni = _start(self._config)
            if self._guard == 0:
                os.close(self._guard_input)
                self._guard, self._guard_input = self._start_guard()
            self._tell_guard(ADOPTS if self._watch.standing.adopts else self._watch.until)
            self._sleep()

    def end(self, why: str | None) -> int:
        """Leave nothing of it; gives the exit code."""
        lets_go = why is not None and self._is_nobodys_yet()
        if why is None and not self._stop_server():
            why = "PostgreSQL did not stop"
        self._to_patroni(signal.SIGKILL)
        keep = {self._guard} if self._guard else set()
        done = processes.end_children(keep, END_SECONDS)
        if not lets_go and fence(self._data) and done:
            hand_over(self._config)
        self._tell_guard(QUIT)
        if why is not None:
            ends = "is not taken over and goes on" if lets_go else "ends"
            say(f"{why}, so PostgreSQL {ends}")
        if why is None and self._status is not None:
            return os.waitstatus_to_exitcode(self._status) & 0xFF
        return KILLED

    def _is_nobodys_yet(self) -> bool:
        """Whether the server ran before, and nobody has had a lease for it: it is not ended."""
        if not self._watch.standing.adopts:
            return False
        try:
            return etcd.of(self._config).leader(f"{self._config.prefix}leader") is None
        except etcd.Unreachable:
            return True

    def leave(self) -> int:
        """Have Patroni end and PostgreSQL run on, for whoever takes it; gives the exit code.

        The guard goes first: it would take this for a leash that was killed. Patroni is killed, as
        it would stop PostgreSQL otherwise; what it began has this process as its parent.
        """
        self._tell_guard(QUIT)
        if not self._ends(self._guard, LEAVE_SECONDS):
            os.kill(self._guard, signal.SIGKILL)
            self._ends(self._guard, LEAVE_SECONDS)
        self._to_patroni(signal.SIGKILL)
        self._watch.unmark()
        return 0

    def _ends(self, pid: int, within_seconds: float) -> bool:
        """Whether a child that was not collected ends in time."""
        deadline = time.monotonic() + within_seconds
        while pid and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _server_is_lost(self) -> str | None:
        """Whether a leader's server crashed that others can replace; Patroni would see it later."""
        if self._server is None:
            self._server = self._data.postmaster()
            return None
        if not self._server.ended():
            return None
        self._server.close()
        self._server = None
        with contextlib.suppress(etcd.Unreachable):  # Then nobody can elect either.
            if self._data.was_shut_down():
                self._hand_over_in_order()
            elif not self._stopping and self._data.is_a_leaders() and self._is_replaceable():
                return "PostgreSQL crashed as the leader"
        return None  # It is no leader's, or Patroni starts it again.

    def _is_replaceable(self) -> bool:
        asked, config = etcd.of(self._config), self._config
        found = asked.leader(f"{config.prefix}leader")
        mine = found is not None and found.member == config.member
        return mine and asked.has_successor(config.prefix, config.member)

    def _hand_over_in_order(self) -> None:
        """A leader that steps down has stopped: the others need not wait until Patroni looks, which
        takes it a second. It starts its server as a follower's only, once it was told to stop, or
        says that it stops; one that restarts comes back as the leader's."""
        asked, config = etcd.of(self._config), self._config
        steps_down = self._stopping or (
            asked.is_to_step_down(config.prefix, config.member)
            and patroni_state(config) in ("stopping", "stopped")
        )
        if steps_down and self._is_replaceable() and self._data.is_at_rest():
            hand_over(config)

    def _stop_server(self) -> bool:
        """Stop a server that Patroni left behind, as it does when it is paused: in order."""
        left = self._data.postmaster()
        if left is None:
            return True
        processes.send(left.fd, signal.SIGINT)
        processes.wait([left.fd], FAST_STOP_SECONDS)
        return left.ended()

    def _collect(self) -> None:
        """Take note of children that ended, also of those that others left to this process."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._patroni:
                    self._status = status
                elif pid == self._guard:
                    self._guard = 0

    def _sleep(self) -> None:
        poller = select.poll()
        fds = [self._woken, self._watch.news]
        if self._server is not None:
            fds.append(self._server.fd)
        for fd in fds:
            poller.register(fd, select.POLLIN)
        left = max(0.0, self._watch.until - now()) if self._watch.writes else LOOK_SECONDS
        for fd, _ in poller.poll(int(min(LOOK_SECONDS, left + 0.01) * 1000)):
            if fd in (self._woken, self._watch.news):
                os.read(fd, 512)

    def _stop(self) -> None:
        self._stopping = True
        self._to_patroni(signal.SIGTERM)

    def _told_to_leave(self) -> None:
        self.is_leaving = True

    def _to_patroni(self, number: signal.Signals) -> None:
        # A child that was not collected keeps its pid.
        if self._status is None and self._patroni:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._patroni, number)

    def _start_guard(self) -> tuple[int, int]:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        me = os.getpid()
        words = ("guard", self._path, str(me), str(processes.started_at(me)))
        argv = [sys.executable, "-I", "-m", "tenfold.leash", *words]
        environment = {name: value for name, value in os.environ.items() if name != MARKER}
        actions = [(os.POSIX_SPAWN_DUP2, reader, 0), (os.POSIX_SPAWN_DUP2, self._lock, 3)]
        pid = os.posix_spawn(argv[0], argv, environment, file_actions=actions, setsid=True)
        os.close(reader)
        self._guard_knows: float | None = None
        os.set_blocking(writer, False)
        return pid, writer

    def _tell_guard(self, until: float) -> None:
        # One that is dead is noticed otherwise; one that is slow knows an earlier time.
        if until != self._guard_knows:
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                os.write(self._guard_input, TIME.pack(until))
                self._guard_knows = until


def _is_new_here(config: Config, data: DataDirectory) -> bool:
    """Whether a server runs that no leash has kept so far."""
    main = data.postmaster()
    if main is None:
        return False
    main.close()
    return not data.follows() and not os.path.exists(config.kept)


def _end_who_lost_the_lead(config: Config, data: DataDirectory) -> None:
    """A server may run here whose leash and guard were killed at once; if others elected since, it
    ends before anything else begins."""
    with contextlib.suppress(etcd.Unreachable):  # Then it has a bound.
        if data.accepts_writes():
            found = etcd.of(config).leader(f"{config.prefix}leader")
            if found is not None and found.member != config.member and data.accepts_writes():
                fence(data)
                say(f"{found.member} leads by now, so the PostgreSQL that ran here ended")


def _start(config: Config) -> int:
    me = os.getpid()
    mark = processes.marker(me, processes.started_at(me) or 0)
    environment = {**os.environ, processes.LEASH: mark, processes.KEEPS: config.lock}
    pid = os.fork()
    if pid == 0:
        _become_patroni(config, me, environment)
    return pid


def _become_patroni(config: Config, parent: int, environment: dict[str, str]) -> NoReturn:
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:  # Else it died before it could be told to whom.
            os.execve(config.patroni[0], config.patroni, environment)  # noqa: S606
    finally:
        os._exit(127)


def _wake_up_on_signals() -> int:
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _lock(path: str) -> int:
    """Be the only leash of this directory; a predecessor's guard may still be at work."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return lock


def _in_words(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
