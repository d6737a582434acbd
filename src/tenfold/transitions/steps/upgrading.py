"""Having engines run the programs that are installed by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenfold.transitions.steps.base import Step

BESIDE = ".beside"
"""What the name of a stand-in ends with."""


@dataclass(frozen=True, slots=True)
class StandIn(Step):
    """Have a second process of a unit accept on its sockets beside it, from what is installed.

    ``within_seconds``: how long it may finish what it has in hand when it ends.
    """

    unit: str
    within_seconds: float

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
class RenewServer(Step):
    """The same for one that the app's workers have sessions with; those are lost.

    From then on only new workers are of use, so the way is forward. ``anyway``: see :class:`Renew`.
    """

    point_of_no_return: ClassVar[bool] = True

    unit: str
    anyway: float | None = None

    def sentence(self) -> str:
        return f"restart {self.unit} with what is installed; sessions end"


@dataclass(frozen=True, slots=True)
class EndStandIn(Step):
    """Have a unit itself serve, and then stop the second process, with what it has in hand done."""

    unit: str

    def sentence(self) -> str:
        return f"stop the second {self.unit}"
