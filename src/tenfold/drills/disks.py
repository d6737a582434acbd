"""A disk that is slow, or full.

Slow is what the kernel makes it for a host's processes (``io.max`` of cgroup v2, ``blkio.throttle``
of v1); where that is not permitted, others that write and sync all the time beside them. Full is a
file that takes what is left: on a file system of its own, never that of the machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

from tenfold.drills.groups import for_disks, gather, scatter
from tenfold.drills.processes import Find
from tenfold.errors import StepFailed

BALLAST = "tenfold-drill-ballast"
BUSY = "tenfold-drill-busy"
WRITERS = 4
_PIECES = (64 << 20, 1 << 20, 4096)
_WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
os.unlink(sys.argv[1])
parent = os.getppid()
while os.getppid() == parent:
    os.pwrite(file, os.urandom(1 << 20), 0)
    os.fsync(file)
"""


def why_no_throttle(folder: Path) -> str:
    """Why the kernel cannot make the disk below this folder slow; empty if it can."""
    if os.geteuid() != 0:
        return "that takes root"
    if for_disks() is None:
        return "there is no writable cgroup for input and output"
    if _device(folder) is None:
        return f"the file system of {folder} is on no disk of its own"
    return ""


def slow(group: str, find: Find, folder: Path, writes_per_second: int) -> None:
    """Have the host's processes write so many times a second at most.

    Raises:
        StepFailed: the kernel does not take it; :func:`quick` takes back what was begun.
    """
    top, device = for_disks(), _device(folder)
    assert top is not None
    assert device is not None
    gather(top / group, find)
    try:
        if (top / "cgroup.controllers").exists():
            (top / group / "io.max").write_text(f"{device} wiops={writes_per_second}")
        else:
            limit = top / group / "blkio.throttle.write_iops_device"
            limit.write_text(f"{device} {writes_per_second}")
    except OSError as fault:
        raise StepFailed(f"{top / group} takes no limit: {fault.strerror}") from fault


def quick(group: str, back: str = "") -> None:
    """No limit any more; fine if there was none. Raises ``StepFailed`` if it cannot be taken."""
    scatter(for_disks(), group, back)


def keep_busy(folder: Path) -> list[subprocess.Popen[bytes]]:
    """Others that write and sync beside the host, until they are ended, or this process is."""
    return [
        subprocess.Popen(
            [sys.executable, "-I", "-c", _WRITER, str(folder / f"{BUSY}-{number}")],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        for number in range(WRITERS)
    ]


def why_no_fill(folder: Path) -> str:
    """Why a file system may not be filled: others need it, too. Empty where it may."""
    device = folder.stat().st_dev
    for shared in ("/", "/tmp", "/var", os.path.expanduser("~")):  # noqa: S108 - only looked at
        if os.path.exists(shared) and os.stat(shared).st_dev == device:
            return (
                f"it is on the same file system as {shared}, and that would harm all that is on"
                " this machine"
            )
    return ""


def fill(ballast: Path) -> int:
    """Take all that is left; gives the bytes. Raises ``StepFailed`` if it cannot be begun."""
    size = 0
    try:
        file = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise StepFailed(f"{ballast} cannot be made: {fault.strerror}") from fault
    try:
        for piece in _PIECES:
            with contextlib.suppress(_Full):
                while True:
                    size = _grown(file, size, piece)
    finally:
        os.close(file)
    return size


def empty(ballast: Path) -> None:
    """Give it back; fine if there is none."""
    ballast.unlink(missing_ok=True)


class _Full(Exception):
    """It takes no further piece of this size."""


def _grown(file: int, size: int, piece: int) -> int:
    try:
        os.posix_fallocate(file, size, piece)
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _Full from fault
        raise
    return size + piece


def _device(folder: Path) -> str | None:
    """``major:minor`` of the whole disk that a folder is on."""
    number = folder.stat().st_dev
    here = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not here.exists():
        return None
    whole = here.resolve().parent if (here / "partition").exists() else here.resolve()
    return (whole / "dev").read_text().strip()
