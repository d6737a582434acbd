"""Is another member dead for certain? Then its key goes, and nobody waits for its lease.

When everything on a leader's host is gone nobody is left there to tell the others. Who can tell is
whoever has the same kernel (:class:`SameKernel`); of hosts of which nobody can, nothing is said,
and the lease decides. Every member's leash looks, so it takes no command and no controller, and
whoever is left to be elected is also left to look.

A verdict is nothing that was true a moment ago: it is given while the dead member's lock is held,
without which no leash begins there, and so no Patroni and no server. It is not told by a pid, nor
by what somebody has written down.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

from tenfold.leash import etcd, processes
from tenfold.leash.config import Config, Peer
from tenfold.leash.ending import END_SECONDS, say
from tenfold.leash.processes import DataDirectory
from tenfold.leash.watching import Watch

Verdict = Literal["dead", "orphaned", "alive", "unknown"]
"""``dead``: nothing of the member lives. ``orphaned``: its server does, and nobody looks after it.
"""

LOOK_SECONDS = 0.2
TELL_SECONDS = 10.0
"""For how long etcd is asked, while the dead member's lock is held: an order that etcd gets late
must not meet a member that has come back. Its leash waits 30 s for its lock."""
AGAIN_SECONDS = 0.1
ORPHANED_SECONDS = 10.0
"""How long a server may be without its leash before another member's leash ends it. An agent has a
leash back within tenths of a second; without one nobody would end the server when its lease is
over."""


class Witness(Protocol):
    """Whoever can tell of other members for certain."""

    def certified(self, member: str) -> AbstractContextManager[Verdict]:
        """The verdict on a member; while the block runs, one that is dead stays so."""

    def end(self, member: str) -> None:
        """End an orphaned server; to be called within the block."""


class SameKernel:
    """Members that run under this kernel."""

    def __init__(self, peers: Mapping[str, Peer]) -> None:
        self._peers = peers
        self._data = {name: DataDirectory(peer.data) for name, peer in peers.items()}

    @contextmanager
    def certified(self, member: str) -> Iterator[Verdict]:
        """See :class:`Witness`."""
        peer = self._peers.get(member)
        if peer is None:
            yield "unknown"
            return
        try:
            lock = _taken(peer.lock)
        except BlockingIOError:
            yield "alive"
            return
        except OSError:  # Its record is gone, which says nothing of its processes.
            yield "unknown"
            return
        try:
            yield self._of_the_unguarded(member, peer)
        finally:
            os.close(lock)

    def end(self, member: str) -> None:
        """See :class:`Witness`."""
        self._data[member].end(END_SECONDS)

    def _of_the_unguarded(self, member: str, peer: Peer) -> Verdict:
        data = self._data[member]
        data.look()
        # One look takes a while, in which one that was passed may begin another and end.
        for _ in range(2):
            if _is_begun(peer.lock, data):
                return "alive"
            if not data.is_at_rest():
                return "orphaned" if os.path.exists(peer.kept) else "unknown"
        return "dead"


def _taken(path: str) -> int:
    """The lock, held.

    Raises:
        BlockingIOError: somebody has it.
        OSError: there is none, or it is another one by now.
    """
    lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine, there = os.fstat(lock), os.stat(path, follow_symlinks=False)
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
            raise FileNotFoundError(path)
    except OSError:
        os.close(lock)
        raise
    return lock


def _is_begun(lock: str, data: DataDirectory) -> bool:
    """Whether anything lives that a leash with this lock began: Patroni, or what that began; but
    for the server itself."""
    entry = f"{processes.KEEPS}={lock}".encode()

    def is_it(pid: int) -> bool:
        return processes.is_marked(pid, entry) and not data.works_here(pid)

    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    for pid in filter(is_it, pids):
        found = processes.hold(pid, is_it)
        if found is not None:
            found.close()
            return True
    return False


class Wake:
    """A thread that looks whether the leader is dead, and has the others elect then."""

    def __init__(self, config: Config, watch: Watch, witness: Witness | None = None) -> None:
        self._config, self._watch = config, watch
        self._witness = SameKernel(config.peers) if witness is None else witness
        self._etcd = etcd.of(config)
        self._orphans: dict[str, float] = {}
        self._said = ""

    def begin(self) -> None:
        """Have it look until the process ends; of nobody, if there is nobody to tell of."""
        if self._config.peers:
            threading.Thread(target=self._run, name="wake", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look(time.monotonic())
            except Exception as fault:  # noqa: BLE001 - nobody else looks: it goes on looking
                self._say_once(f"whether the leader lives was not found out: {fault!r}")

    def look(self, now: float) -> bool:
        """Look once; gives whether the leader was dead and its key was taken away."""
        leader = self._watch.holder
        if leader == self._config.member:
            leader = None
        # One that was seen orphaned is that also when its lease is over and another one leads.
        done = [self._look_at(m, now, leads=m == leader) for m in {*self._orphans, leader} if m]
        return any(done)

    def _look_at(self, member: str, now: float, *, leads: bool) -> bool:
        with self._witness.certified(member) as verdict:
            if verdict != "orphaned":
                self._orphans.pop(member, None)
                return leads and verdict == "dead" and self._tell(member)
            if now - self._orphans.setdefault(member, now) >= ORPHANED_SECONDS:
                say(f"nobody looks after the PostgreSQL of {member}, so it is ended")
                self._witness.end(member)
            return False

    def _tell(self, leader: str) -> bool:
        prefix, deadline = self._config.prefix, time.monotonic() + TELL_SECONDS
        while True:
            try:
                # Nobody is helped if none may be elected; whoever comes back goes on at once.
                if not self._etcd.has_successor(prefix, leader):
                    return False
                done = self._etcd.take_away(f"{prefix}leader", leader)
            except etcd.Unreachable as fault:
                if time.monotonic() > deadline:
                    self._say_once(f"{leader} is dead, and nobody could be told: {fault}")
                    return False
                time.sleep(AGAIN_SECONDS)
                continue
            if done:
                say(f"nothing of {leader} lives, and it led: the others elect now")
            return done

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            say(text)
