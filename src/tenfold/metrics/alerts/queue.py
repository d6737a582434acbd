"""What is to be told and was not yet: in order, tried again for a day, and bounded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

MAX_WAITING = 100
GIVE_UP_SECONDS = 86_400.0
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 900.0
KEPT = 50


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one place: ``webhook`` or ``command``. ``why`` is how the last attempt failed;
    ``queued`` and ``due`` are seconds since the epoch."""

    to: str
    message: Mapping[str, Any]
    queued: float
    due: float
    attempts: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """``waiting`` in order; ``done`` the last ones that arrived, or were given up, newest last."""

    waiting: tuple[Delivery, ...] = ()
    done: tuple[Mapping[str, Any], ...] = ()
    lost: int = 0

    def put(
        self, messages: Iterable[Mapping[str, Any]], places: Iterable[str], now: float
    ) -> Queue:
        """With these to be told, too; of too many the oldest are lost."""
        places = tuple(places)
        new = [Delivery(to, message, now, now) for message in messages for to in places]
        every = (*self.waiting, *new)
        gone = max(0, len(every) - MAX_WAITING)
        return replace(self, waiting=every[gone:], lost=self.lost + gone)

    def due(self, now: float) -> Delivery | None:
        """The one to try now. Of each place only its first, so that "over" never comes before."""
        places: set[str] = set()
        for delivery in self.waiting:
            if delivery.to not in places and delivery.due <= now:
                return delivery
            places.add(delivery.to)
        return None

    def tried(self, delivery: Delivery, why: str | None, now: float) -> Queue:
        """After an attempt: ``why`` it failed, or ``None``."""
        rest = tuple(d for d in self.waiting if d is not delivery)
        attempts = delivery.attempts + 1
        if why is not None and now - delivery.queued < GIVE_UP_SECONDS:
            later = replace(delivery, attempts=attempts, why=why, due=now + delay_seconds(attempts))
            return replace(self, waiting=tuple(later if d is delivery else d for d in self.waiting))
        told = {
            "to": delivery.to,
            "id": delivery.message["id"],
            "state": delivery.message["state"],
            "text": delivery.message["text"],
            "at": now,
            "attempts": attempts,
            "why": why,
        }
        lost = self.lost + (why is not None)
        return replace(self, waiting=rest, done=(*self.done, told)[-KEPT:], lost=lost)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "waiting": [asdict(delivery) for delivery in self.waiting],
            "done": list(self.done),
            "lost": self.lost,
        }


def delay_seconds(attempts: int) -> float:
    """How long to wait after so many failures: from 5 s doubling to a quarter of an hour."""
    return float(min(FIRST_DELAY_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_DELAY_SECONDS))


def from_json(data: Mapping[str, Any]) -> Queue:
    """What :meth:`Queue.to_json` gave. Raises ``TypeError`` and ``KeyError`` for anything else."""
    waiting = tuple(Delivery(**delivery) for delivery in data["waiting"])
    return Queue(waiting, tuple(data["done"]), int(data["lost"]))


def ahead(first: Queue, then: Queue) -> Queue:
    """What waits in ``first``, before everything that waits in ``then``."""
    return replace(then, waiting=(*first.waiting, *then.waiting)[:MAX_WAITING])
