"""The journal itself: where it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.transitions.steps.base import Step


@dataclass(frozen=True, slots=True)
class MoveJournal(Step):
    """Have the journal in the etcd cluster ``to`` from now on, ``None`` being the file beside the
    app; ``before`` is where it was. There is one at every moment, whoever is killed."""

    to: str | None
    before: str | None

    def sentence(self) -> str:
        there = "the file beside the app" if self.to is None else f"etcd ({self.to})"
        return f"keep the journal in {there}"

    def reverse(self) -> Step | None:
        return MoveJournal(self.before, self.to)
