"""The second process: it waits for the end of the first, and does then what that would have.

It has a session of its own and no marker of the agent's, so that nobody ends it along with the
rest. On its standard input it is told until when PostgreSQL may accept writes, which covers a leash
that was stopped together with Patroni, and to quit.
"""

from __future__ import annotations

import os
import select
import struct
from dataclasses import dataclass

from tenfold.leash import processes
from tenfold.leash.config import Config
from tenfold.leash.deciding import FOREVER, Bounds, Standing, end_at
from tenfold.leash.ending import END_SECONDS, fence, hand_over, say
from tenfold.leash.processes import DataDirectory
from tenfold.leash.watching import now

TIME = struct.Struct("=d")
QUIT, ADOPTS = float("nan"), -FOREVER
"""What it may be told instead of a moment: to end, and that the server is only being taken over."""
LATER_SECONDS = 1.0
"""How much later than the first process it acts: that one knows more."""
LOOK_SECONDS = 1.0
"""How soon it sees that a server accepts writes of which it was told nothing."""


def guard(config: Config, pid: int, started: int) -> int:
    """Wait; gives the exit code.

    Args:
        config: the same as the first process has.
        pid: the first process.
        started: when that was started, in ticks since boot.
    """
    known = Known(FOREVER if os.path.exists(config.kept) else ADOPTS)
    leash = processes.hold(pid, lambda p: processes.started_at(p) == started)
    data = DataDirectory(config.data)
    if leash is not None and not _until_needed(leash, data, config.bounds, known):
        return 0
    if leash is not None:
        leash.kill()  # One that is stopped is killed, too.
    done = processes.end_session(pid, started, END_SECONDS)
    if known.until == ADOPTS:
        say("the leash was killed, so Patroni ends; PostgreSQL was not taken over yet and goes on")
        return 0
    if fence(data) and done:
        hand_over(config)
    say("the leash was killed, so PostgreSQL and Patroni ended")
    return 0


@dataclass(slots=True)
class Known:
    """What it was told last: until when PostgreSQL may accept writes."""

    until: float


def _until_needed(leash: processes.Held, data: DataDirectory, bounds: Bounds, known: Known) -> bool:
    """Whether it is: the first process ended or hangs past the lease; not when told to quit."""
    began: float | None = None
    poller = select.poll()
    poller.register(0, select.POLLIN)
    poller.register(leash.fd, select.POLLIN)
    while True:
        data.look()
        writes, at = data.accepts_writes(), now()
        began = (at if began is None else began) if writes and known.until == FOREVER else None
        standing = Standing(until=known.until)
        until = FOREVER if known.until == ADOPTS else end_at(standing, began, bounds)
        left = until + LATER_SECONDS - at
        if writes and left <= 0:
            return True
        wait = min(LOOK_SECONDS, left) if writes else LOOK_SECONDS
        ready = dict(poller.poll(int(wait * 1000) + 1))
        if 0 in ready:
            told = os.read(0, TIME.size)
            if len(told) < TIME.size:
                return True  # The other end is closed: whoever had it is dead.
            (moment,) = TIME.unpack(told)
            if moment != moment:
                return False
            known.until = moment
        elif leash.fd in ready:
            return True
