"""What an agent did that nobody had ordered just then, kept for whoever looks later."""

from __future__ import annotations

import secrets
import time

from tenfold.agent.diary import say
from tenfold.agent.store import Corrupt, Store
from tenfold.agent.wire import from_wire, to_wire
from tenfold.errors import TargetError
from tenfold.topology.observation import Deed

RECORD = ("agent", "deeds")
KEPT = 50


class Deeds:
    """The newest of them, the oldest first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.kept = self._remembered()

    def add(self, what: str) -> None:
        """Say it, and keep it. What the disk does not take is said all the same."""
        say(what)
        self.kept = (*self.kept, Deed(secrets.token_hex(8), time.time(), what))[-KEPT:]
        try:
            self._store.write(*RECORD, {"deeds": to_wire(self.kept)})
        except TargetError as fault:
            say(fault.what)

    def _remembered(self) -> tuple[Deed, ...]:
        try:
            data = self._store.read(*RECORD) or {}
            return tuple(from_wire(Deed, item) for item in data.get("deeds", ()))
        except Corrupt as fault:
            say(fault.what)
        except (ValueError, TypeError) as fault:
            say(self._store.set_aside(*RECORD, str(fault)).what)
        return ()
