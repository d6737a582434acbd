"""A loopback address for each host, where the system has more than one."""

from __future__ import annotations

import hashlib
import socket
import sys
from ipaddress import ip_address

EVERYWHERE = "127.0.0.1"


def derived(key: str) -> str:
    """An address in 127.0.0.0/8 that follows from ``key``, away from the much-used 127.0.x.y."""
    first, second, third = hashlib.sha256(key.encode()).digest()[:3]
    return f"127.{1 + first % 254}.{second}.{1 + third % 254}"


def choose(key: str) -> str:
    """The derived address if this system can listen there, else 127.0.0.1."""
    address = derived(key)
    return address if sys.platform == "linux" and is_usable(address) else EVERYWHERE


def is_usable(address: str) -> bool:
    """Whether it is one of this machine alone, and this system can listen there."""
    try:
        if not ip_address(address).is_loopback:
            return False
        with socket.socket() as trial:
            trial.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True
