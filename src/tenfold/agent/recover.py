"""Get a listening socket back from a unit that inherited it.

Needed only when agent and keeper were killed together and units run on: they hold the port, so it
cannot be bound. Linux lets a process copy a descriptor of another one that it may trace
(``pidfd_getfd``, Linux 5.6); where the kernel's Yama module forbids that, the caller ends the units
that hold the socket and binds it anew.
"""

from __future__ import annotations

import os
import sys

from tenfold.agent.handle import Process
from tenfold.agent.sockets import is_listening
from tenfold.agent.spawn import FIRST_PASSED_FD

_SYS_PIDFD_GETFD = 438  # The same on every architecture.


def recover(process: Process, position: int) -> int | None:
    """A copy of the listening socket that a unit was given as number ``position``, if it may be."""
    fd = _copy_descriptor(process.pid, FIRST_PASSED_FD + position)
    if fd is None or is_listening(fd):
        return fd
    os.close(fd)
    return None


def _copy_descriptor(pid: int, fd: int) -> int | None:
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return None
    import ctypes

    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        copy = int(ctypes.CDLL(None, use_errno=True).syscall(_SYS_PIDFD_GETFD, pidfd, fd, 0))
    finally:
        os.close(pidfd)
    return copy if copy >= 0 else None
