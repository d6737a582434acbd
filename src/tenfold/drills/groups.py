"""Control groups of Linux: have a host's processes in one of their own, and take it away again."""

from __future__ import annotations

import contextlib
import os
import time
from functools import cache
from pathlib import Path

from tenfold.drills.processes import Find, Named
from tenfold.errors import StepFailed

CONTROL = Path("/sys/fs/cgroup")
_ROUNDS = 50
_WITHIN_SECONDS = 20.0
_PAUSE_SECONDS = 0.05


@cache
def unified() -> Path | None:
    """The top of cgroup v2, also where v1 is beside it; ``None`` where it may not be written."""
    for place in (CONTROL, CONTROL / "unified"):
        if (place / "cgroup.controllers").exists() and os.access(place / "cgroup.procs", os.W_OK):
            return place
    return None


@cache
def for_disks() -> Path | None:
    """Where input and output are limited: cgroup v2 where it has that, else v1."""
    try:
        controllers = (CONTROL / "cgroup.subtree_control").read_text().split()
    except OSError:
        controllers = []
    if "io" in controllers and os.access(CONTROL / "cgroup.procs", os.W_OK):
        return CONTROL
    old = CONTROL / "blkio"
    return old if os.access(old / "cgroup.procs", os.W_OK) else None


def gather(folder: Path, find: Find) -> None:
    """Have all that ``find`` finds in this group, until it finds nobody new.

    Raises:
        StepFailed: the kernel does not take them, or they come and go too fast.
    """
    inside: set[Named] = set()
    try:
        folder.mkdir(exist_ok=True)
        for _ in range(_ROUNDS):
            new = set(find()) - inside
            if not new:
                return
            for pid, _started in new:
                _put(pid, folder)
            inside |= new
    except OSError as fault:
        raise StepFailed(f"{folder} takes no processes: {fault.strerror}") from fault
    raise StepFailed(f"the processes for {folder} come and go too fast to be gathered")


def home(top: Path, find: Find) -> str:
    """In which group they are now, as a path below the top: where they have to go back to."""
    for pid, _ in find():
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            return next(line.partition("::")[2] if _is_unified(top) else line.rpartition(":")[2]
                        for line in lines if _is_of(line, top)).lstrip("/")  # fmt: skip
    return ""


def scatter(top: Path | None, group: str, back: str = "") -> None:
    """Have whoever is in the group back where it came from, and the group gone; fine without one.

    Raises:
        StepFailed: it is still there.
    """
    if top is None or not (top / group).is_dir():
        return
    target = top / back if (top / back).is_dir() else top
    deadline = time.monotonic() + _WITHIN_SECONDS
    while True:
        try:
            for pid in (top / group / "cgroup.procs").read_text().split():
                _put(int(pid), target)
            (top / group).rmdir()
        except OSError as fault:  # a process was begun meanwhile, or one is just leaving
            if time.monotonic() > deadline:
                raise StepFailed(
                    f"{top / group} cannot be removed: {fault.strerror}",
                    next="tenfold drill --mend    tries again",
                ) from fault
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _put(pid: int, folder: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        (folder / "cgroup.procs").write_text(str(pid))


def _is_unified(top: Path) -> bool:
    return (top / "cgroup.controllers").exists()


def _is_of(line: str, top: Path) -> bool:
    """Whether a line of ``/proc/PID/cgroup`` is about this hierarchy."""
    return line.startswith("0::") if _is_unified(top) else f":{top.name}:" in line
