"""How many requests a door has in hand, and for how long: a connection is a request there."""

from __future__ import annotations

import os
import socket
from time import perf_counter
from typing import Final

from . import diag
from .door import Door
from .state import seconds_since

_OPEN: Final = (diag.ESTABLISHED, diag.CLOSE_WAIT)


class Gauge:
    """The connections of some doors as the kernel tells them; nothing where it does not."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self._peers: dict[int, int] = {}
        self._looked = 0.0
        self._blind = False

    @property
    def connections(self) -> int:
        """How many there were at the last look."""
        return len(self._since)

    def oldest_seconds(self, endless: set[int]) -> float:
        """The age of the oldest, those from these ports of clients left out; 0.0 if there is none.

        It is right to a tenth of a second, and counts from when the connection was first seen.
        """
        began = [t for inode, t in self._since.items() if self._peers[inode] not in endless]
        return seconds_since(min(began)) if began else 0.0

    def look(self, doors: list[Door], fd: int, *, every_seconds: float) -> None:
        """Look again if the last look is as old as this."""
        moment = perf_counter()
        if self._blind or moment - self._looked < every_seconds:
            return
        self._looked = moment
        with socket.socket(fileno=os.dup(fd)) as listener:
            port = int(listener.getsockname()[1])
        try:
            found = diag.sockets(_OPEN, port=port)
        except OSError:
            self._blind = True
            return
        own = [s for door in doors for s in door.connections(found)]
        self._since = {s.inode: self._since.get(s.inode, moment) for s in own}
        self._peers = {s.inode: s.peer_port for s in own}
