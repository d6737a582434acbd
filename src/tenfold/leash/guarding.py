"""The second process: it waits for the end of the first, and does then what that would have.

It has a session of its own and no marker of the agent's, so that nobody ends it along with the
rest. On its standard input it is told until when PostgreSQL may accept writes, which covers a leash
that was stopped together with Patroni, and to quit.
"""

from __future__ import annotations

import os
import select
import struct

from tenfold.leash import processes
from tenfold.leash.config import Config
from tenfold.leash.deciding import FOREVER
from tenfold.leash.ending import END_SECONDS, fence, hand_over, say
from tenfold.leash.processes import DataDirectory
from tenfold.leash.watching import now

TIME = struct.Struct("=d")
QUIT = float("nan")
LATER_SECONDS = 1.0
"""How much later than the first process it acts: that one knows more."""


def guard(config: Config, pid: int, started: int) -> int:
    """Wait; gives the exit code.

    Args:
        config: the same as the first process has.
        pid: the first process.
        started: when that was started, in ticks since boot.
    """
    leash = processes.hold(pid, lambda p: processes.started_at(p) == started)
    if leash is not None and not _until_needed(leash, config):
        return 0
    say("the leash was killed, so PostgreSQL and Patroni end")
    if leash is not None:
        leash.kill()  # One that is stopped is killed, too.
    done = processes.end_session(pid, started, END_SECONDS)
    if fence(config) and done:
        hand_over(config)
    return 0


def _until_needed(leash: processes.Held, config: Config) -> bool:
    """Whether it is: the first process ended or hangs past the lease; not when told to quit."""
    until, data = FOREVER, DataDirectory(config.data)
    poller = select.poll()
    poller.register(0, select.POLLIN)
    poller.register(leash.fd, select.POLLIN)
    while True:
        left = 3600.0 if until == FOREVER else max(0.0, until + LATER_SECONDS - now())
        ready = dict(poller.poll(int(left * 1000) + 1))
        if 0 in ready:
            told = os.read(0, TIME.size)
            if len(told) < TIME.size:
                return True  # The other end is closed: whoever had it is dead.
            (until,) = TIME.unpack(told)
            if until != until:
                return False
        elif leash.fd in ready or (_is_over(until) and data.accepts_writes()):
            return True


def _is_over(until: float) -> bool:
    return until != FOREVER and now() >= until + LATER_SECONDS
