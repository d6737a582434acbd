"""A loopback address for each host, where the system has more than one."""

from __future__ import annotations

import hashlib
import socket
import sys

EVERYWHERE = "127.0.0.1"


def derived(key: str) -> str:
    """An address in 127.0.0.0/8 that follows from ``key``, away from the much-used 127.0.x.y."""
    first, second, third = hashlib.sha256(key.encode()).digest()[:3]
    return f"127.{1 + first % 254}.{second}.{1 + third % 254}"


def choose(key: str) -> str:
    """The derived address if this system can listen there, else 127.0.0.1."""
    address = derived(key)
    if sys.platform != "linux":
        return EVERYWHERE
    with socket.socket() as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return EVERYWHERE
    return address
