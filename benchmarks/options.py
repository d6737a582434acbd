"""How long a run may be, and how hard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said.

    Attributes:
        quick: tiny rounds that show that everything works; their figures are worth nothing.
        rounds: of every paired benchmark, instead of its own number.
        deploys, restarts: how many in a row, through Tenfold and by hand.
        crossings: how many moves there and as many back.
        by_hand: how many moves by hand, beside them.
        sizes_mb: the two databases whose moves are compared, in MB.
        rate: of the load during deploys and moves, requests a second.
        minutes: of the long run without processor time.
    """

    quick: bool = False
    rounds: int | None = None
    deploys: int | None = None
    restarts: int | None = None
    crossings: int | None = None
    by_hand: int | None = None
    sizes_mb: tuple[int, int] | None = None
    rate: float = 100.0
    minutes: float | None = None

    def rounds_or(self, number: int) -> int:
        """The number asked for, or this one (two when quick)."""
        return self.rounds or (2 if self.quick else number)

    def seconds(self, number: float) -> float:
        """The length of one measurement: this, or one second when quick."""
        return 1.0 if self.quick else number
