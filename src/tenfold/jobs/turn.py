"""Whose turn it is to keep the schedule, where several hosts could: one host's, by a lease in etcd.

A slot is run by whoever holds the lease, and only if a transaction on that condition puts down that
the slot is dealt with. So no slot is run by two hosts, whoever was paused or cut off from whom; and
whoever gets the lease next begins where the last one had come to. While etcd does not answer,
nobody begins a run by the schedule; what was missed then is made up for as usual.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, Protocol

from tenfold.agent.diary import say
from tenfold.etcd import Client, EtcdError, Lease, Put, Range, unchanged
from tenfold.jobs.config import Turns

WITHIN_SECONDS: Final = 2.0
"""For one question; the scheduler does nothing else meanwhile."""


class Turn(Protocol):
    """What the scheduler has to know."""

    def term(self) -> int | None:
        """A number for as long as it is our turn without a break; ``None`` while it is not."""

    def dealt(self) -> dict[str, float]:
        """Up to when each job has been dealt with, by whichever host."""

    def claim(self, job: str, slot: float) -> bool:
        """Put down, durably, that the job is dealt with up to there; ``False``: it was not ours."""


class Alone:
    """It is always our turn: there is no other host."""

    def term(self) -> int | None:
        """See :class:`Turn`."""
        return 0

    def dealt(self) -> dict[str, float]:
        """See :class:`Turn`: what the book says."""
        return {}

    def claim(self, job: str, slot: float) -> bool:
        """See :class:`Turn`."""
        return True


@dataclass
class Shared:
    """A :class:`Turn` among several hosts; its lease is kept by a thread of its own."""

    turns: Turns
    _known: dict[str, int] = field(default_factory=dict)
    _known_in: int | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _fault: str | None = None

    def __post_init__(self) -> None:
        self._client = Client(self.turns.access, within=WITHIN_SECONDS)
        key = f"{self.turns.prefix}/keeper"
        self._lease = Lease(self._client, key, self.turns.holder, seconds=self.turns.seconds)
        self._thread = threading.Thread(target=self._keep, name="turn", daemon=True)

    def __enter__(self) -> Shared:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Let another host have it at once."""
        self._over.set()
        self._thread.join()
        self._client.close()

    def term(self) -> int | None:
        """See :class:`Turn`: the fencing token of the lease."""
        held = self._lease.holding
        return None if held is None else held.token

    def dealt(self) -> dict[str, float]:
        """See :class:`Turn`. Raises ``EtcdError``."""
        begin = f"{self.turns.prefix}/dealt/"
        term = self.term()
        found = self._client.range(Range(begin, prefix=True))
        self._known = {kv.key.removeprefix(begin): kv.revision for kv in found}
        self._known_in = term
        return {kv.key.removeprefix(begin): float(kv.value) for kv in found}

    def claim(self, job: str, slot: float) -> bool:
        """See :class:`Turn`. Raises ``EtcdError``: nobody knows."""
        held = self._lease.holding
        if held is None or held.token != self._known_in:
            return False
        key = f"{self.turns.prefix}/dealt/{job}"
        value = repr(slot).encode()
        for _ in range(2):
            conditions = [held.condition, unchanged(key, self._known.get(job, 0))]
            asked = [Range(held.key), Range(key)]
            done = self._client.transact(conditions, [Put(key, value)], asked)
            if done.held:
                self._known[job] = done.revision
                return True
            keeper, found = done.found
            if not keeper or keeper[0].created != held.token:
                return False
            # Nobody else writes while it is our turn: an earlier answer was lost, and who did not
            # hear it began nothing.
            self._known[job] = found[0].revision if found else 0
            if found and found[0].value == value:
                return True
        return False

    def _keep(self) -> None:
        while not self._over.is_set():
            before = self.term()
            try:
                self._lease.step()
                self._fault = None
            except EtcdError as error:
                if self._fault != error.what:
                    say(f"it cannot be found out whose turn it is: {error.what}")
                self._fault = error.what
            now = self.term()
            if now != before:
                say("keeps the schedule from now on" if now else "keeps the schedule no more")
            self._over.wait(self._lease.every_seconds)
        self._lease.give_up()
