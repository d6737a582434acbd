"""Ports for servers of tests: none that another worker of the run or a client's connection gets.

A port that the kernel picks is one that it may give to the next outgoing connection, of whichever
process, before the server of the test has it; these lie below those. See ip(7),
``ip_local_port_range``.
"""

from __future__ import annotations

import os
import random
import socket

ADDRESS = "127.0.0.1"
LOWEST = 10_000  # up to where Tenfold looks for ports itself
SHARES = 8
SHARE = 1250
_given: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 at which nobody listens; each only once, as long as there are any."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = LOWEST + worker % SHARES * SHARE
    if len(_given) > SHARE // 2:
        _given.clear()
    while True:
        port = random.randrange(first, first + SHARE)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((ADDRESS, port))
        except OSError:
            return False
    return True
