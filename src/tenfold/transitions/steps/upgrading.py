"""Having engines run the programs that are installed by now."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.transitions.steps.base import Step

BESIDE = ".beside"
"""What the name of a stand-in ends with."""


@dataclass(frozen=True, slots=True)
class StandIn(Step):
    """Have a second process of a unit accept on its sockets beside it, from what is installed."""

    unit: str

    def sentence(self) -> str:
        return f"start a second {self.unit} beside it, on the same sockets"

    def reverse(self) -> Step:
        return EndStandIn(self.unit)


@dataclass(frozen=True, slots=True)
class Renew(Step):
    """Restart a unit with its files and program as they are now; nothing if it runs them.

    ``within_seconds``: how long it may finish what it has in hand; ``None`` is its own bound.
    ``anyway``: also one that runs them, unless it was started since then (seconds since the epoch).
    """

    unit: str
    within_seconds: float | None = None
    anyway: float | None = None

    def sentence(self) -> str:
        return f"restart {self.unit} with what is installed"


@dataclass(frozen=True, slots=True)
class EndStandIn(Step):
    """Stop the second process of a unit, once it has finished what it has in hand."""

    unit: str
    within_seconds: float | None = None

    def sentence(self) -> str:
        return f"stop the second {self.unit}"
