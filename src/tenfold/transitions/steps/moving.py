"""Followers, holds, fences and promotions: what moving a database is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenfold.transitions.steps.base import Step, at_once


@dataclass(frozen=True, slots=True)
class Check(Step):
    """See that nothing stands in the way of ``follower`` taking over from ``leader``."""

    leader: str
    follower: str

    def sentence(self) -> str:
        return f"check that {self.follower} can take over from {self.leader}"


@dataclass(frozen=True, slots=True)
class EnsureSlot(Step):
    """Have ``leader`` keep its log for the data directory of this node until that has it."""

    leader: str
    node: int

    def sentence(self) -> str:
        return f"have {self.leader} keep its log for node {self.node}"


@dataclass(frozen=True, slots=True)
class DropSlot(Step):
    """Have ``leader`` keep no log for this node any more."""

    leader: str
    node: int

    def sentence(self) -> str:
        return f"have {self.leader} forget node {self.node}"


@dataclass(frozen=True, slots=True)
class CatchUp(Step):
    """Wait until a follower streams and is as good as level with its leader."""

    follower: str
    leader: str
    max_seconds: float

    def sentence(self) -> str:
        return f"wait until {self.follower} has caught up with {self.leader}"


@dataclass(frozen=True, slots=True)
class Verify(Step):
    """Compare a follower with its leader: identity, schema, row counts, every page's checksum."""

    follower: str
    leader: str

    def sentence(self) -> str:
        return f"compare {self.follower} with {self.leader}: schema, rows, checksums"


@dataclass(frozen=True, slots=True)
class TrialStart(Step):
    """Start one worker on the follower and stop it again.

    Whether it can is found out long before the switch: an app that writes when it starts cannot,
    and has its workers started while requests wait.
    """

    pool: str
    follower: str
    release: str

    def sentence(self) -> str:
        return f"try whether {self.pool} starts on {self.follower}"


@dataclass(frozen=True, slots=True)
class Checkpoint(Step):
    """Have databases write out what is dirty, so that a stop does not have to."""

    units: tuple[str, ...]

    def sentence(self) -> str:
        return f"write a checkpoint on {' and '.join(self.units)}"


@dataclass(frozen=True, slots=True)
class Settle(Step):
    """Have a pool's connections end with their next answer: none is idle when the hold comes."""

    pool: str
    within_seconds: float

    def sentence(self) -> str:
        return f"let idle connections to {self.pool} run out"

    def reverse(self) -> Step:
        return Release(self.pool)


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Let requests wait in front of a pool, and of ``others``, and what they have in hand end.

    All of them hold, or none: what one has in hand may need what another would make wait.
    ``max_seconds`` bounds the wait of a request; the step postpones itself, for at most
    ``postpone_seconds``, while a request runs that takes too long for that. ``in_vain``: no
    database leads, so what is in hand cannot end well, and is not waited for.
    """

    pool: str
    max_seconds: float
    postpone_seconds: float
    in_vain: bool = False
    others: tuple[str, ...] = ()

    @property
    def pools(self) -> tuple[str, ...]:
        """Every pool that holds."""
        return (self.pool, *self.others)

    def sentence(self) -> str:
        names = " and ".join(self.pools)
        return f"let requests wait in front of {names}, finish those in hand"

    def reverse(self) -> Step:
        (back,) = at_once(Release(pool) for pool in self.pools)
        return back


@dataclass(frozen=True, slots=True)
class Release(Step):
    """Have the workers that were held accept again."""

    pool: str

    def sentence(self) -> str:
        return f"let {self.pool} accept again"


@dataclass(frozen=True, slots=True)
class Fence(Step):
    """Make a leader unable to accept a write, whoever asks and whatever restarts: durably."""

    unit: str
    successor: str

    def sentence(self) -> str:
        return f"fence {self.unit}: it accepts no write any more"

    def reverse(self) -> Step:
        return Unfence(self.unit, self.successor)


@dataclass(frozen=True, slots=True)
class Unfence(Step):
    """Have a fenced leader lead again; refused where its successor leads. One that says nothing
    need not be heard only where it verifiably was not asked to lead."""

    unit: str
    successor: str

    def sentence(self) -> str:
        return f"let {self.unit} lead again"


@dataclass(frozen=True, slots=True)
class AwaitLast(Step):
    """Wait until the follower has all that the fenced leader wrote, its last record included."""

    follower: str
    fenced: str

    def sentence(self) -> str:
        return f"see that {self.follower} has everything that {self.fenced} wrote"


@dataclass(frozen=True, slots=True)
class Promote(Step):
    """Have a follower lead. Its former leader is fenced, which is verified first."""

    point_of_no_return: ClassVar[bool] = True

    unit: str
    fenced: str

    def sentence(self) -> str:
        return f"let {self.unit} lead"


@dataclass(frozen=True, slots=True)
class Follow(Step):
    """Have a fenced former leader follow its successor: the way back."""

    unit: str
    leader: str

    def sentence(self) -> str:
        return f"let {self.unit} follow {self.leader}"


@dataclass(frozen=True, slots=True)
class RemoveData(Step):
    """Delete the data of a unit that is stopped. There is no way back.

    Of a member in Patroni's care ``leader`` has it all: only while that one leads.
    """

    unit: str
    leader: str | None = None

    def sentence(self) -> str:
        return f"delete the data of {self.unit}"


@dataclass(frozen=True, slots=True)
class RemoveHost(Step):
    """Delete a host that is stopped, with all its data. There is no way back."""

    host: str

    def sentence(self) -> str:
        return f"remove host {self.host} with its data"
