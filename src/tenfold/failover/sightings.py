"""What is known of each server that may lead, and whoever finds it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

Kind = Literal["leads", "follows", "down", "silent", "unknown"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One server as it was seen last.

    ``leads``: it accepts writes. ``follows``: it answers and does not. ``down``: its host says that
    nobody is there, or the server itself that it lets nobody in. ``silent``: it has answered, and
    does not any more; whether it lives nobody knows. ``unknown``: it has never answered.

    ``timeline`` grows with every change of leaders; 0 where it does not lead. ``life`` tells a
    server from the same one before it was started again: sessions do not outlast a life.
    ``cluster`` is PostgreSQL's system identifier, empty where it does not answer: timelines of two
    clusters have nothing to do with each other. ``since`` is when it began to be like this, by the
    clock that nobody sets.
    """

    kind: Kind = "unknown"
    timeline: int = 0
    life: str = ""
    since: float = 0.0
    cluster: str = ""

    @property
    def answers(self) -> bool:
        """Whether it says of itself what it is."""
        return self.kind in ("leads", "follows")

    def says_the_same(self, other: Sighting) -> bool:
        """Whether only time has passed between the two."""
        return replace(self, since=other.since) == other


Seen = Mapping[str, Sighting]


class LeaderWatch(Protocol):
    """Whoever knows who leads: the servers themselves, Patroni, etcd."""

    def seen(self) -> Seen:
        """What is known now, by the path of the unit: ``db1/postgres``."""

    async def changed(self, within_seconds: float) -> None:
        """Return as soon as something else is known than before, and after this time anyway."""

    async def close(self) -> None:
        """Look no more."""
