"""What a journal remembers, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tenfold.errors import JournalError

Outcome = Literal["done", "failed", "backed-out"]


@dataclass(frozen=True, slots=True)
class Record:
    """One transition as the journal has it. ``position`` is the last step that was intended."""

    id: int
    kind: str
    steps: tuple[dict[str, Any], ...]
    began: float
    ended: float | None
    outcome: str | None
    message: str | None
    position: int | None
    done: tuple[int, ...]


class Journal(Protocol):
    """What the runner needs of a journal. Times are seconds since the epoch.

    Every method raises :class:`tenfold.errors.JournalError`; what was to be written may then have
    been written all the same.
    """

    def begin(self, kind: str, steps: tuple[dict[str, Any], ...]) -> int:
        """Record a new transition, take over the fencing epoch; gives its id."""

    @property
    def epoch(self) -> int:
        """The fencing epoch of the transition that was begun here; 0 before."""

    def intend(self, transition: int, position: int, *, done: int | None = None) -> None:
        """Record, durably, that a step is about to be performed, and one before it ``done``."""

    def done(self, transition: int, position: int) -> None:
        """Record, durably, that a step was performed and verified."""

    def end(self, transition: int, outcome: Outcome, message: str | None = None) -> None:
        """Close a transition."""

    def last(self) -> Record | None:
        """The newest transition."""

    def history(self, most: int) -> tuple[Record, ...]:
        """The newest transitions, at most so many, the newest first."""

    def facts(self) -> Mapping[str, Any]:
        """Everything that was set and not removed."""

    def set(self, key: str, value: Any) -> None:
        """Record a fact durably; ``None`` removes it."""

    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(frozen=True, slots=True)
class Entry:
    """When a step was intended, and when it was done."""

    position: int
    intended: float
    done: float | None


@dataclass(frozen=True, slots=True)
class Transition:
    """All that a journal has of one transition."""

    id: int
    kind: str
    steps: tuple[dict[str, Any], ...]
    epoch: int
    began: float
    ended: float | None
    outcome: str | None
    message: str | None
    entries: tuple[Entry, ...]

    def record(self) -> Record:
        """As others are told of it."""
        return Record(
            id=self.id,
            kind=self.kind,
            steps=self.steps,
            began=self.began,
            ended=self.ended,
            outcome=self.outcome,
            message=self.message,
            position=self.entries[-1].position if self.entries else None,
            done=tuple(e.position for e in self.entries if e.done is not None),
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole journal, to be put down elsewhere. ``transitions`` are the newest, oldest first."""

    transitions: tuple[Transition, ...]
    facts: Mapping[str, Any]

    @property
    def epoch(self) -> int:
        """The highest; 0 if nothing was ever begun."""
        return max((t.epoch for t in self.transitions), default=0)

    @property
    def id(self) -> int:
        """Of the newest transition; 0 if nothing was ever begun."""
        return self.transitions[-1].id if self.transitions else 0


class Moved(JournalError):
    """The journal is not here any more: it was moved, or is being moved."""


def overtaken() -> JournalError:
    """The error of a command with an older epoch."""
    return JournalError(
        "another command has taken over this deployment meanwhile", next="tenfold status"
    )
