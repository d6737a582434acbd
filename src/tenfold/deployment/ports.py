"""A port for an environment that was given none: the next free one, which it then keeps."""

from __future__ import annotations

import socket

from tenfold.errors import PortTaken
from tenfold.spec.edge import EdgeTable

TRIES = 100


def own(edge: EdgeTable, default: int) -> int | None:
    """A port that is not that of the default environment; ``None`` where the file says which.

    Raises:
        PortTaken: none of the next hundred is free.
    """
    if edge.port != default or default == 0:
        return None
    for port in range(default + 1, min(default + 1 + TRIES, 65536)):
        if _free(edge.address, port):
            return port
    raise PortTaken(
        f"no port from {default + 1} to {default + TRIES} of {edge.address} is free",
        next="[environments.NAME.edge] port = ...   in tenfold.toml",
    )


def _free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
