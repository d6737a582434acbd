"""Who listens at a port, as far as this user may know: the user always, the process if it is ours.

``/proc/net/tcp`` (proc_pid_net(5)) names inode and user of every socket; which process has the
inode only shows in the descriptors of processes that one may look into.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket of this machine."""

    address: str
    port: int
    uid: int
    inode: int


def holder(address: str, port: int) -> str:
    """In words: ``python3 (pid 4711, user ann)``, or less: ``a process of user ann``."""
    everywhere = ("0.0.0.0", "::", address)  # noqa: S104 - compared with, not listened on
    if not (PROC / "net/tcp").exists():
        return _holder_elsewhere(everywhere, port)
    for listener in listeners():
        if listener.port == port and listener.address in everywhere:
            user = _user(listener.uid)
            pid = _process_with(listener.inode)
            if pid is None:
                return f"a process of user {user}"
            return f"{_name(pid)} (pid {pid}, user {user})"
    return "another process"


def listeners() -> Iterator[Listener]:
    """All listening sockets of this machine's network namespace."""
    for table, size in (("net/tcp", 4), ("net/tcp6", 16)):
        try:
            lines = (PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING:
                where, port = fields[1].split(":")
                yield Listener(_address(where, size), int(port, 16), int(fields[7]), int(fields[9]))


def _address(text: str, size: int) -> str:
    """The kernel prints 32-bit words in the machine's byte order."""
    words = [int(text[i : i + 8], 16) for i in range(0, 2 * size, 8)]
    raw = b"".join(struct.pack("<I" if sys.byteorder == "little" else ">I", w) for w in words)
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw).removeprefix("::ffff:")


def _process_with(inode: int) -> int | None:
    wanted = f"socket:[{inode}]"
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                if any(os.readlink(fd) == wanted for fd in (entry / "fd").iterdir()):
                    return int(entry.name)
            except OSError:
                continue  # Another user's, or gone, or a descriptor that was just closed.
    return None


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "a process"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _holder_elsewhere(addresses: tuple[str, ...], port: int) -> str:
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return "another process"
    pids = [
        c.pid
        for c in connections
        if c.status == psutil.CONN_LISTEN and c.laddr
        if c.laddr.port == port and c.laddr.ip in addresses
    ]
    return f"the process {pids[0]}" if pids and pids[0] is not None else "another process"
