"""Which processes work in a data directory, and how they end: never by a pid alone.

A process is held by a descriptor (pidfd) first and looked at then: its descriptor cannot come to
mean another process, so what was seen of it while it lived is true of what gets the signal.
PostgreSQL's processes, its sessions among them, have their data directory as working directory; a
session outlives a killed main process for a while and may still commit, so all of them count.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

POLL_SECONDS = 0.002
SHUTDOWNED, IN_PRODUCTION = 1, 6
"""``DB_SHUTDOWNED``, ``DB_IN_PRODUCTION`` of PostgreSQL's ``DBState``, see
src/include/catalog/pg_control.h."""
_STATE_AT = 16
"""Where ``pg_control`` has that state: behind a system identifier and two version numbers."""


@dataclass(frozen=True, slots=True)
class Held:
    """A process that runs or ran; ``fd`` means it for good. ``started``: in ticks since boot."""

    pid: int
    fd: int
    started: int

    def ended(self) -> bool:
        """Whether it is over; one that nobody collected counts."""
        return has_ended(self.fd)

    def kill(self) -> None:
        """Send it SIGKILL."""
        send(self.fd, signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def has_ended(fd: int) -> bool:
    """Whether the process of this descriptor is over."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(0))


def send(fd: int, number: signal.Signals) -> None:
    """Send the process of this descriptor a signal, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, number)


def hold(pid: int, is_it: Callable[[int], bool]) -> Held | None:
    """Hold the process of this pid if it is the one that is meant, as ``is_it`` sees it."""
    try:
        fd = os.pidfd_open(pid)
    except (OSError, OverflowError):
        return None
    started = started_at(pid)
    # What was read of the pid was read of this process only if it had not ended by then.
    if started is not None and is_it(pid) and not has_ended(fd):
        return Held(pid, fd, started)
    os.close(fd)
    return None


def started_at(pid: int) -> int | None:
    """When it was started, in ticks since boot; ``None`` where there is none."""
    found = _stat(pid)
    return None if found is None else int(found[19])


def _stat(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            told = file.read()
    except OSError:
        return None
    # The name before is in parentheses and may contain any character.
    return told[told.rindex(b")") + 2 :].split()


class DataDirectory:
    """A cluster's files on this machine.

    The directory is held from when it was first seen, and each that comes to that path later: a
    process is known that works in one which was renamed or replaced.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._held: dict[tuple[int, int], int] = {}
        self.look()

    def look(self) -> None:
        """Hold what is there now, if it is another one."""
        try:
            seen = os.stat(self.path)
            if (seen.st_dev, seen.st_ino) in self._held:
                return
            fd = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        seen = os.fstat(fd)  # What is held keeps its number: it is nobody else's.
        if (seen.st_dev, seen.st_ino) in self._held:
            os.close(fd)
        else:
            self._held[(seen.st_dev, seen.st_ino)] = fd

    def __del__(self) -> None:
        for fd in self._held.values():
            os.close(fd)

    def works_here(self, pid: int) -> bool:
        """Whether a process is verifiably one of this cluster's server."""
        return self._works_here(pid) is True

    def _works_here(self, pid: int) -> bool | None:
        """``None``: nobody can say; it may be."""
        try:
            with open(f"/proc/{pid}/comm", "rb") as file:
                if file.read() != b"postgres\n":
                    return False
            there = os.stat(f"/proc/{pid}/cwd")
            if (there.st_dev, there.st_ino) in self._held:
                return True
            # One that is just being started is not in it yet, and names it.
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False  # It is over.
        except OSError:
            return None if _may_be_like_us(pid) else False
        return _after(words, b"-D") == os.fsencode(self.path)

    def postmaster(self) -> Held | None:
        """The server's main process, if it runs: as its own file says, and verified."""
        try:
            with open(os.path.join(self.path, "postmaster.pid"), "rb") as file:
                pid = int(file.readline())
        except (OSError, ValueError):
            return None
        return hold(pid, self.works_here) if pid > 0 else None

    def processes(self) -> Iterator[Held]:
        """Everything that works here."""
        for name in os.listdir("/proc"):
            if name.isdigit() and self.works_here(int(name)):
                found = hold(int(name), self.works_here)
                if found is not None:
                    yield found

    def _is_sure(self) -> bool:
        """Whether of every process somebody can say if it works here."""
        return bool(self._held) and self.unknown() is None

    def unknown(self) -> int | None:
        """A process of which nobody can say whether it works here; ``None`` if there is none."""
        pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return next((pid for pid in pids if self._works_here(pid) is None), None)

    def is_at_rest(self) -> bool:
        """Whether verifiably nothing works here."""
        found = list(self.processes())
        for one in found:
            one.close()
        return not found and self._is_sure()

    def accepts_writes(self) -> bool:
        """Whether a server runs here that is no follower."""
        if not self.is_a_leaders():
            return False
        main = self.postmaster()
        if main is None:
            return False
        main.close()
        return self.is_a_leaders()

    def is_a_leaders(self) -> bool:
        """Whether the server that runs or ran last was no follower and was not shut down in order.

        A copy says the same as its leader until it is started; it has ``standby.signal`` by then.
        """
        return self._state() == IN_PRODUCTION and not self.follows()

    def was_shut_down(self) -> bool:
        """Whether the server that ran last was no follower and was shut down in order."""
        return self._state() == SHUTDOWNED and not self.follows()

    def _state(self) -> int:
        try:
            with open(os.path.join(self.path, "global", "pg_control"), "rb") as file:
                head = file.read(_STATE_AT + 4)
        except OSError:
            return -1
        return int.from_bytes(head[_STATE_AT:], "little")

    def follows(self) -> bool:
        """Whether the server that runs, ran last or runs next is a follower."""
        return os.path.exists(os.path.join(self.path, "standby.signal"))

    def end(self, within_seconds: float) -> bool:
        """Kill whatever works here; gives whether verifiably nothing is left."""
        deadline = time.monotonic() + within_seconds
        main = self.postmaster()  # First: then there are no new ones.
        if main is not None:
            _end(main, deadline)
        while True:
            found = list(self.processes())
            if not found and not self._held:
                return False  # Where it is cannot even be looked at.
            if not found and self._is_sure():
                return True
            for one in found:
                one.kill()
            for one in found:
                _end(one, deadline)
            if time.monotonic() > deadline:
                return False
            if not found:
                time.sleep(POLL_SECONDS * 10)


def _may_be_like_us(pid: int) -> bool:
    """Whether a process that we may not look at can be one of this cluster's server nevertheless.

    Those are started by whoever looks, or by their like: for the same user and group, and with no
    capability that the other lacks. Somebody else's may not be looked at for any of these three
    reasons (ptrace(2), "Ptrace access mode checking"), and what is left is rare. Directories of
    /proc may be root's whoever runs, so the process's own record is asked.
    """
    theirs, ours = _rights(pid), _rights(os.getpid())
    if theirs is None or ours is None:
        return True
    (their_ids, their_capabilities), (our_ids, our_capabilities) = theirs, ours
    return their_ids == our_ids and not their_capabilities & ~our_capabilities


def _rights(pid: int) -> tuple[tuple[int, ...], int] | None:
    """Effective, saved and real user and group, and the permitted capabilities as bits."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            told = dict(line.split(b":", 1) for line in file if b":" in line)
        ids = (*told[b"Uid"].split()[:3], *told[b"Gid"].split()[:3])
        return tuple(int(number) for number in ids), int(told[b"CapPrm"], 16)
    except (OSError, LookupError, ValueError):
        return None


def waits(pid: int) -> int | None:
    """How often its main thread has begun to wait: the number stays while that is stuck, whatever
    its other threads do. ``None`` where there is none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/status", "rb") as file:
            lines = [line for line in file if line.startswith(b"voluntary_ctxt_switches:")]
        return int(lines[0].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _after(words: list[bytes], option: bytes) -> bytes | None:
    at = words.index(option) + 1 if option in words else len(words)
    return words[at] if at < len(words) else None


def _end(one: Held, deadline: float) -> None:
    one.kill()
    wait([one.fd], max(0.0, deadline - time.monotonic()))
    one.close()


def wait(fds: list[int], within_seconds: float) -> None:
    """Until one of these descriptors is readable."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    poller.poll(max(0, int(within_seconds * 1000)))


def children() -> list[int]:
    """This process's children; what they leave behind becomes one of them, see prctl(2)."""
    me, found = os.getpid(), []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        told = _stat(pid)
        if told is not None and int(told[1]) == me:
            found.append(pid)
    return found


def end_children(but: set[int], within_seconds: float) -> bool:
    """Kill and collect all children but those; gives whether none is left."""
    deadline = time.monotonic() + within_seconds
    while True:
        left = [pid for pid in children() if pid not in but]
        if not left:
            return True
        for pid in left:  # Not collected yet, so the pid is still theirs.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
                    time.sleep(POLL_SECONDS)
        if time.monotonic() > deadline:
            return False


LEASH: Final = "TENFOLD_LEASH"
"""What a leash has in the environment of whatever it starts: see :func:`marker`."""
KEEPS: Final = "TENFOLD_LEASH_KEEPS"
"""Beside it, the lock of its data directory."""


def marker(leash: int, started: int) -> str:
    """What tells the descendants of this leash from all others'."""
    return f"{leash}:{started}"


def is_marked(pid: int, entry: bytes) -> bool:
    """Whether a process was started with this in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return entry in file.read().split(b"\0")
    except OSError:
        return False


def end_session(session: int, since: int, within_seconds: float) -> bool:
    """Kill what a leash that is dead began, all of its session and whatever has its marker (Patroni
    starts a server from a session of its own); gives whether none is left.

    Args:
        session: the leader's pid.
        since: when the leader was started, in ticks since boot: nothing older is of it.
        within_seconds: how long to try.
    """

    entry = f"{LEASH}={marker(session, since)}".encode()

    def belongs(pid: int) -> bool:
        found = _stat(pid)
        if found is None or int(found[19]) < since:
            return False
        return int(found[3]) == session or is_marked(pid, entry)

    deadline, empty = time.monotonic() + within_seconds, 0
    while True:
        candidates = [int(n) for n in os.listdir("/proc") if n.isdigit() and belongs(int(n))]
        found = [one for one in (hold(pid, belongs) for pid in candidates) if one is not None]
        alive = [one for one in found if not one.ended()]
        for one in alive:
            _end(one, deadline)
        empty = 0 if alive else empty + 1
        if empty == 2:  # A look takes a while, in which one that was passed may begin another.
            return True
        if time.monotonic() > deadline:
            return False
