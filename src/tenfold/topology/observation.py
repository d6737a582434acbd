"""Observation: what is. Taken from agents, true at one moment, never assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

UnitState = Literal[
    "starting",
    "warm",
    "running",
    "holding",
    "draining",
    "stopping",
    "stopped",
    "resting",
    "backoff",
    "failed",
]


@dataclass(frozen=True, slots=True)
class ObservedUnit:
    """One process as its agent sees it. ``since`` is in seconds since the epoch.

    ``holding`` accepts nothing for now and has kept its place; ``resting`` has finished its jobs,
    ended, and is kept from running until somebody wakes it; ``backoff`` waits for its next
    start, or runs again after crashes in a row and has yet to show that it stays up.
    ``rests_until``: by itself, one that rests works again then, in seconds since the epoch.
    ``program`` is the path of what it executes, ``programs`` are those of what that looks after;
    ``replaced``: started now it would run something else, because another file lies at one of them,
    or because it was declared anew and lasts until its next start.
    """

    name: str
    engine: str
    state: UnitState
    pid: int | None = None
    endpoint: str | None = None
    pool: str | None = None
    generation: int = 0
    release: str | None = None
    restarts: int = 0
    since: float = 0.0
    reason: str | None = None
    fingerprint: str | None = None
    rests_until: float | None = None
    program: str | None = None
    programs: tuple[str, ...] = ()
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """What an agent did by itself, ``at`` so many seconds since the epoch."""

    id: str
    at: float
    what: str


@dataclass(frozen=True, slots=True)
class ObservedHost:
    """A host and its units; ``agent`` tells whether its agent answers.

    ``unreachable``: it is gone, its units still run; ``silent``: it is there and says nothing.
    ``held`` names the pools whose members hold, and until when at the latest, in seconds since the
    epoch: then the agent has them accept again, whoever ordered the hold. ``deeds`` are the last
    things that the agent did by itself. ``free_bytes`` is how much its disk still takes.
    """

    name: str
    address: str
    agent: Literal["running", "unreachable", "silent", "absent"]
    agent_pid: int | None = None
    sockets: tuple[tuple[str, str], ...] = ()
    units: tuple[ObservedUnit, ...] = ()
    held: tuple[tuple[str, float], ...] = ()
    deeds: tuple[Deed, ...] = ()
    free_bytes: int | None = None

    def unit(self, name: str) -> ObservedUnit | None:
        """The unit of this name, if the agent has it."""
        return next((u for u in self.units if u.name == name), None)

    def pool(self, name: str) -> tuple[ObservedUnit, ...]:
        """All units of a pool, of every generation."""
        return tuple(u for u in self.units if u.pool == name)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was seen of one deployment.

    ``release`` is the one that serves, ``served`` all that ever did, oldest first. ``built`` and
    ``migrated`` are the releases for which that is done, ``published`` the one whose assets the
    edge serves. ``prepared`` maps a database's path to the digest of the roles and grants it has.
    ``storage`` names the directories of user files that outlive releases by now. ``pages`` is the
    id of those that are shown as files, ``made_pages`` are all that there are, the oldest first.
    """

    hosts: tuple[ObservedHost, ...] = ()
    release: str | None = None
    served: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    migrated: tuple[str, ...] = ()
    published: str | None = None
    prepared: Mapping[str, str] = field(default_factory=dict)
    storage: tuple[str, ...] = ()
    pages: str | None = None
    made_pages: tuple[str, ...] = ()

    def host(self, name: str) -> ObservedHost | None:
        """The host of this name, if it was seen."""
        return next((h for h in self.hosts if h.name == name), None)

    def unit(self, path: str) -> ObservedUnit | None:
        """The unit ``host/name``, if it was seen."""
        host_name, _, name = path.partition("/")
        host = self.host(host_name)
        return None if host is None else host.unit(name)
