"""TCP sockets of this machine as the kernel's sock_diag(7) tells them; Linux only.

Not ``/proc/net/tcp``: where every request has a connection of its own, most of that file are
connections that are over, and the kernel leaves them out here by itself.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ESTABLISHED: Final = 1
CLOSE_WAIT: Final = 8
LISTEN: Final = 10

_NETLINK_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST_DUMP: Final = 0x301
_ERROR, _DONE = 2, 3
_ADDRESS_BYTES: Final = {socket.AF_INET: 4, socket.AF_INET6: 16}


@dataclass(frozen=True)
class TcpSocket:
    """One socket; ``peer_port`` is 0 if it listens."""

    address: str
    port: int
    peer_port: int
    inode: int


def sockets(states: tuple[int, ...], *, port: int = 0) -> list[TcpSocket]:
    """IPv4 and IPv6 sockets in these states, of one local port if it is given.

    Raises:
        OSError: this system has no such thing.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError("this system does not tell its sockets")
    bits = sum(1 << state for state in states)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        found: list[TcpSocket] = []
        for family in _ADDRESS_BYTES:
            kernel.send(_question(family, bits, port))
            found += _answers(kernel)
        return found


def inodes(pid: int) -> set[int]:
    """The sockets that a process has open; none if it is gone, or not ours to look into."""
    found = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(entry.path)
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(int(target[8:-1]))
    except OSError:
        return set()
    return found


def _question(family: int, states: int, port: int) -> bytes:
    """``struct nlmsghdr`` and ``struct inet_diag_req_v2`` of linux/inet_diag.h."""
    asked = struct.pack("=BBxxI", family, socket.IPPROTO_TCP, states)
    body = asked[:2] + b"\0\0" + struct.pack("=I", states) + struct.pack("!HH", port, 0)
    body += bytes(32) + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    return struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + body


def _answers(kernel: socket.socket) -> Iterator[TcpSocket]:
    while True:
        data = kernel.recv(1 << 17)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -struct.unpack_from("=i", data, 16)[0]
                raise OSError(number, os.strerror(number))
            yield _socket(data)
            data = data[(length + 3) & ~3 :]


def _socket(data: bytes) -> TcpSocket:
    """``struct inet_diag_msg`` behind its header."""
    family = data[16]
    port, peer_port = struct.unpack_from("!HH", data, 20)
    address = socket.inet_ntop(family, data[24 : 24 + _ADDRESS_BYTES[socket.AddressFamily(family)]])
    (inode,) = struct.unpack_from("=I", data, 84)
    return TcpSocket(address.removeprefix("::ffff:"), port, peer_port, inode)
