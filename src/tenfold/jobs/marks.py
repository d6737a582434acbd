"""All processes of one run, wherever they went: each has the run's mark in its environment."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "TENFOLD_RUN"
PROC = Path("/proc")
_SWEEPS = 20


def kill(mark: str) -> int:
    """SIGKILL for what is left of a run; gives how many processes that were."""
    killed: set[int] = set()
    for _ in range(_SWEEPS):  # whoever was not seen yet may have started somebody
        found = {pid for pid in _carrying(mark) if _kill(pid, mark)}
        if not found:
            break
        killed |= found  # one that takes a moment to die is seen again
    return len(killed)


def _carrying(mark: str) -> Iterator[int]:
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if entry.name.isdigit() and _carries(int(entry.name), mark):
            yield int(entry.name)


def _carries(pid: int, mark: str) -> bool:
    if pid == os.getpid():
        return False
    try:
        environ = (PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it is gone, or another user's
        return False
    return f"{VARIABLE}={mark}".encode() in environ.split(b"\0")


def _kill(pid: int, mark: str) -> bool:
    """The descriptor comes first and the look second: what is looked at is what is killed."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(pid)
        try:
            if _carries(pid, mark):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                return True
        finally:
            os.close(descriptor)
    return False
