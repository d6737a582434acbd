"""All processes of a host on this machine: found, frozen, gone on with, killed.

A process is told by its pid and when it was started; a pid alone is not an identity. Signals go
through a descriptor of the process that was opened before it was looked at.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tenfold.agent import identity, leftovers
from tenfold.agent.identity import PROC, Facts

Named = tuple[int, int]
"""A process: its pid, and when it was started, in the kernel's ticks."""

Find = Callable[[], tuple[Named, ...]]

ENGINES = (b"postgres", b"nginx", b"etcd", b"redis-server")
_OWN = re.compile(rb"^tenfold\.[a-z_.]+$|/tenfold/agent/[a-z_]+\.py$")
GONE_SECONDS = 20.0
_ROUNDS = 50
_PAUSE_SECONDS = 0.02


def _nothing() -> None:
    """Nobody wants to know."""


def of_hosts(roots: Sequence[Path], uid: int) -> tuple[Named, ...]:
    """Agents, keepers and everything that they started, wherever it went.

    Args:
        roots: the hosts' directories.
        uid: whom their processes run as.
    """
    everyone = list(identity.everyone(uid))
    own = [f for root in roots for f in leftovers.of_host(root, everyone)]
    folders = tuple(os.fsencode(root) for root in roots)
    own += [f for f in everyone if f.marker is None and _is_ours(f, folders)]
    return _named(_closed(own, everyone))


def of_unit(uid: int, pid: int) -> tuple[Named, ...]:
    """A unit's first process, those in its session or with its mark, and what they started."""
    everyone = list(identity.everyone(uid))
    first = next((f for f in everyone if f.pid == pid), None)
    if first is None:
        return ()
    marker = first.marker
    own = [
        f for f in everyone
        if f.pid == pid or f.session == first.session or (marker and f.marker == marker)
    ]  # fmt: skip
    return _named(_closed(own, everyone))


def started(pid: int) -> int:
    """When a process was started that cannot have gone: a child of this one."""
    return identity.started(pid) or 0


def _named(found: Iterable[Facts]) -> tuple[Named, ...]:
    return tuple(sorted((f.pid, f.started) for f in found))


def _is_ours(found: Facts, folders: Sequence[bytes]) -> bool:
    """Whether a process without a marker is one of Tenfold's own that has none (agent, keeper, a
    leash's guard), or an engine that wrote over it, and its arguments name a host's directory or
    something in it. Whoever only reads there, as an editor or ``tail`` does, is neither."""
    try:
        words = (PROC / str(found.pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    if not any(word == f or word.startswith(f + b"/") for word in words for f in folders):
        return False
    program = words[0].rpartition(b"/")[2]
    if program.startswith(b"python"):
        return words[1:2] == [b"-I"] and any(map(_OWN.search, words[2:]))
    return program in ENGINES and not found.has_environment


def _closed(own: list[Facts], everyone: list[Facts]) -> list[Facts]:
    """With all that descends from them."""
    known = {f.pid for f in own}
    while more := [f for f in everyone if f.pid not in known and f.parent in known]:
        known |= {f.pid for f in more}
    return [f for f in everyone if f.pid in known]


def send(signum: int, processes: Iterable[Named]) -> None:
    """Signal each that is still this very process."""
    for pid, started in processes:
        with _held(pid, started) as descriptor:
            if descriptor is not None:
                signal.pidfd_send_signal(descriptor, signum)


@contextmanager
def _held(pid: int, started: int) -> Iterator[int | None]:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor if identity.started(pid) == started else None
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def freeze(find: Find, strike: Callable[[], None] = _nothing) -> tuple[Named, ...]:
    """SIGSTOP for all that ``find`` finds, until it finds nobody new; gives them.

    ``strike`` is called once they are found and before the first is told.
    """
    frozen: set[Named] = set()
    for number in range(_ROUNDS):
        new = set(find()) - frozen
        if number == 0:
            strike()
        if not new:
            break
        send(signal.SIGSTOP, sorted(new))
        frozen |= new
    return tuple(sorted(frozen))


def kill(find: Find, strike: Callable[[], None] = _nothing) -> None:
    """SIGKILL for all that ``find`` finds, until it finds nobody.

    They are stopped before, so that nobody gets to tell, or to start another one; ``strike`` is
    called right before that.
    """
    deadline = time.monotonic() + GONE_SECONDS
    found = find()
    strike()
    # A process that hangs in the kernel is as good as gone.
    while found and time.monotonic() < deadline:
        send(signal.SIGSTOP, found)
        send(signal.SIGKILL, found)
        while any(identity.started(pid) == started for pid, started in found):
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE_SECONDS)
        found = find()
