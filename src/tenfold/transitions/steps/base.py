"""What every step is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Step:
    """One small change. ``point_of_no_return``: once begun, the plan is finished forward."""

    point_of_no_return: ClassVar[bool] = False

    def sentence(self) -> str:
        """What the step does, for people; present tense, no full stop."""
        raise NotImplementedError

    def reverse(self) -> Step | None:
        """The step that takes this one back; ``None`` where there is nothing to take back."""
        return None


@dataclass(frozen=True, slots=True)
class Together(Step):
    """Steps that do not need one another, carried out at the same time."""

    steps: tuple[Step, ...]

    def sentence(self) -> str:
        return "; ".join(step.sentence() for step in self.steps)

    def reverse(self) -> Step | None:
        backwards = tuple(r for s in reversed(self.steps) if (r := s.reverse()) is not None)
        return Together(backwards) if backwards else None


def at_once(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps that do not need one another, as one; a single one as it is, none as nothing."""
    found = tuple(steps)
    return (Together(found),) if len(found) > 1 else found
