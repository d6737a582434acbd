"""Whose turn it is to keep the schedule, where several hosts could: one host's, by a lease in etcd.

A slot is run by whoever holds the lease, and only if a transaction on that condition puts down that
the slot is dealt with. So no slot is run by two hosts, whoever was paused or cut off from whom; and
whoever gets the lease next begins where the last one had come to. While etcd does not answer,
nobody begins a run by the schedule; what was missed then is made up for as usual.

Of a job that must not run twice at once it is put down as well that it runs, until it has ended: a
host that lost the lease may be at it still, and ends it when another one may begin it again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, Protocol

from tenfold.agent.diary import say
from tenfold.etcd import Client, Delete, EtcdError, Lease, Put, Range, unchanged, value_is
from tenfold.jobs.config import Turns

WITHIN_SECONDS: Final = 2.0
"""For one question; the scheduler does nothing else meanwhile."""


class Turn(Protocol):
    """What the scheduler has to know."""

    def term(self) -> int | None:
        """A number for as long as it is our turn without a break; ``None`` while it is not."""

    def dealt(self) -> dict[str, float]:
        """Up to when each job has been dealt with, by whichever host."""

    def claim(self, job: str, slot: float, mark: str | None = None) -> bool:
        """Put down, durably, that the job is dealt with up to there, and with ``mark`` that this
        run of it is under way; ``False``: it was not ours."""

    def begins(self, job: str, mark: str) -> None:
        """Put down that this run is under way, where it is our turn."""

    def ended(self, job: str, mark: str) -> None:
        """Put down that this run is over."""

    def under_way(self) -> dict[str, str]:
        """The mark of the run that is under way, by job, on whichever host."""


class Alone:
    """It is always our turn: there is no other host."""

    def term(self) -> int | None:
        """See :class:`Turn`."""
        return 0

    def dealt(self) -> dict[str, float]:
        """See :class:`Turn`: what the book says."""
        return {}

    def claim(self, job: str, slot: float, mark: str | None = None) -> bool:
        """See :class:`Turn`."""
        return True

    def begins(self, job: str, mark: str) -> None:
        """See :class:`Turn`."""

    def ended(self, job: str, mark: str) -> None:
        """See :class:`Turn`."""

    def under_way(self) -> dict[str, str]:
        """See :class:`Turn`: what the scheduler knows itself."""
        return {}


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

    def claim(self, job: str, slot: float, mark: str | None = None) -> bool:
        """See :class:`Turn`. Raises ``EtcdError``: nobody knows."""
        held = self._lease.holding
        if held is None or held.token != self._known_in:
            return False
        key = f"{self.turns.prefix}/dealt/{job}"
        value = repr(slot).encode()
        runs = [Put(self._running(job), mark.encode())] if mark is not None else []
        for _ in range(2):
            conditions = [held.condition, unchanged(key, self._known.get(job, 0))]
            asked = [Range(held.key), Range(key)]
            done = self._client.transact(conditions, [Put(key, value), *runs], asked)
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
                return not runs or self._client.transact([held.condition], runs).held
        return False

    def begins(self, job: str, mark: str) -> None:
        """See :class:`Turn`. Raises ``EtcdError``."""
        held = self._lease.holding
        if held is not None:
            self._client.transact([held.condition], [Put(self._running(job), mark.encode())])

    def ended(self, job: str, mark: str) -> None:
        """See :class:`Turn`. Raises ``EtcdError``."""
        key = self._running(job)
        self._client.transact([value_is(key, mark.encode())], [Delete(key)])

    def under_way(self) -> dict[str, str]:
        """See :class:`Turn`. Raises ``EtcdError``."""
        found = self._client.range(Range(self._running(""), prefix=True))
        return {kv.key.removeprefix(self._running("")): kv.value.decode() for kv in found}

    def _running(self, job: str) -> str:
        return f"{self.turns.prefix}/running/{job}"

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
