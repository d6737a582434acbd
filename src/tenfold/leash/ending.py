"""What comes when Patroni's time is over: everything ends, verified; then others are told."""

from __future__ import annotations

import contextlib
import os

from tenfold.leash import etcd
from tenfold.leash.config import Config
from tenfold.leash.processes import DataDirectory

END_SECONDS = 10.0


def fence(data: DataDirectory) -> bool:
    """Kill every process of the server; gives whether verifiably none is left."""
    done = data.end(END_SECONDS)
    if not done:
        unknown = data.unknown()
        why = "" if unknown is None else f" (process {unknown} may, and cannot be looked at)"
        say(f"not verified: no process works in {data.path}{why}; the lease has to run out")
    return done


def hand_over(config: Config) -> None:
    """Take the leader's key away if it is still this member's: others elect at once.

    To be called when no process of this member's server is left, and none can begin.
    """
    try:
        if etcd.of(config).take_away(f"{config.prefix}leader", config.member):
            say(f"{config.member} is fenced and led: the others elect now")
    except etcd.Unreachable as fault:
        say(f"nobody could be told, so the lease has to run out: {fault}")


def say(text: str) -> None:
    """A line for the unit's log. Never fails: a full disk below the log is no reason to stop."""
    with contextlib.suppress(OSError):
        os.write(2, f"leash: {text}\n".encode())
