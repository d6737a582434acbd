"""Which process is which: a pid alone is not an identity, because pids are used again.

A process is *the* process when pid, kernel start time and boot are the same. Units also carry a
marker in their environment, ``TENFOLD_UNIT=<deployment>/<host>/<unit>/<nonce>``, which finds their
descendants. The marker alone does not do: nginx, PostgreSQL's backends and setproctitle write their
titles over the memory that ``/proc/PID/environ`` shows, so an absent marker proves nothing about
such a process; a readable environment without the marker does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARKER = "TENFOLD_UNIT"
PROC = Path("/proc")
LINUX = (PROC / "self" / "stat").exists()

_VARIABLE = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, for good. ``started`` is in clock ticks since boot (elsewhere: microseconds
    since the epoch), ``nonce`` the last part of its marker."""

    pid: int
    started: int
    boot: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the kernel says of a process now; ``marker`` is ``None`` when there is none,
    ``has_environment`` tells whether its environment could be read as one."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    zombie: bool
    marker: str | None
    has_environment: bool


def boot_id() -> str:
    """Tells one boot of the machine from the next."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def started(pid: int) -> int | None:
    """When the process of this pid was started; ``None`` when there is none or it is dead."""
    found = facts(pid, with_environment=False)
    return None if found is None or found.zombie else found.started


def facts(pid: int, *, with_environment: bool = True) -> Facts | None:
    """What is known of the process that has this pid now."""
    if not LINUX:
        return _facts_elsewhere(pid)
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may contain any character.
    fields = stat[stat.rindex(b")") + 2 :].split()
    marker, has_environment = _environment(pid) if with_environment else (None, False)
    return Facts(
        pid=pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started=int(fields[19]),
        zombie=fields[0] in (b"Z", b"X"),
        marker=marker,
        has_environment=has_environment,
    )


def _environment(pid: int) -> tuple[str | None, bool]:
    try:
        entries = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return None, False
    prefix = f"{MARKER}=".encode()
    marker = next((e[len(prefix) :].decode("utf-8", "replace") for e in entries
                   if e.startswith(prefix)), None)  # fmt: skip
    return marker, any(_VARIABLE.match(entry) for entry in entries)


def _facts_elsewhere(pid: int) -> Facts | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            marker = None
            try:
                environment = process.environ()
                marker = environment.get(MARKER)
            except psutil.Error:
                environment = {}
            return Facts(
                pid=pid,
                parent=process.ppid(),
                group=os.getpgid(pid),
                session=os.getsid(pid),
                started=int(process.create_time() * 1e6),
                zombie=process.status() == psutil.STATUS_ZOMBIE,
                marker=marker,
                has_environment=bool(environment),
            )
    except (psutil.Error, OSError):
        return None


def of_process(pid: int, nonce: str) -> Identity | None:
    """The identity of a living process; ``None`` when it is already gone."""
    start = started(pid)
    return None if start is None else Identity(pid, start, boot_id(), nonce)


def is_alive(identity: Identity) -> bool:
    """Whether exactly this process runs (a zombie does not)."""
    if identity.boot != boot_id():
        return False
    found = facts(identity.pid)
    return found is not None and not found.zombie and is_same(found, identity)


def is_same(found: Facts, identity: Identity) -> bool:
    """Whether the facts are about this very process, on this boot."""
    if (found.pid, found.started) != (identity.pid, identity.started):
        return False
    return found.marker is None or found.marker.endswith(f"/{identity.nonce}")


def belongs(found: Facts, leader: Identity, *, leader_held: bool, leader_pid_used: bool) -> bool:
    """Whether a process is the unit's leader or descends from it.

    Args:
        found: the process in question, on the leader's boot.
        leader: the unit's first process, which leads its session.
        leader_held: the leader is known to exist now (alive, or a zombie not yet collected), so
            that its session's number means its session.
        leader_pid_used: some process has the leader's pid now.
    """
    if found.marker is not None:
        return found.marker.endswith(f"/{leader.nonce}")
    if found.session != leader.pid or found.started < leader.started:
        return False
    if leader_held:
        return True
    return not found.has_environment and not leader_pid_used


def everyone(uid: int | None = None) -> Iterator[Facts]:
    """All processes of this user, or of another one, this one excluded."""
    if LINUX:
        pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    else:
        import psutil

        pids = psutil.pids()
    mine, me = os.geteuid() if uid is None else uid, os.getpid()
    for pid in pids:
        if pid != me and _owner(pid) == mine:
            found = facts(pid)
            if found is not None and not found.zombie:
                yield found


def _owner(pid: int) -> int | None:
    if not LINUX:
        import psutil

        try:
            return int(psutil.Process(pid).uids().effective)
        except psutil.Error:
            return None
    try:
        owner = (PROC / str(pid)).stat().st_uid
        if owner == 0 and os.geteuid() != 0:
            # The directory of a process that made itself undumpable is root's; see proc(5).
            status = (PROC / str(pid) / "status").read_bytes()
            return int(status.partition(b"\nUid:")[2].split(maxsplit=2)[1])
    except (OSError, IndexError, ValueError):
        return None
    return owner
