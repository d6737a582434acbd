"""The longest time in which writes were due and none was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StallMeter:
    """Follows writes by their times (seconds on one clock) and keeps the longest stall.

    A gap between two acknowledgements is no stall as long as nothing was due: what counts begins
    with the first write due since the last acknowledgement, or with that acknowledgement where
    others were still under way. A failed write ends no stall.
    """

    longest: float = 0.0
    longest_began_at: float | None = None
    _under_way: int = 0
    _since: float | None = None

    def due(self, at: float) -> None:
        """A write was due at `at` (its intended time, not when it was sent)."""
        self._under_way += 1
        if self._since is None:
            self._since = at

    def acknowledged(self, at: float) -> None:
        """A write was acknowledged at `at`."""
        self._measure(at)
        self._under_way -= 1
        self._since = at if self._under_way else None

    def failed(self) -> None:
        """A write ended without an acknowledgement."""
        self._under_way -= 1

    def end(self, at: float) -> None:
        """The load ended; a stall that is still open lasts until now."""
        self._measure(at)

    def _measure(self, at: float) -> None:
        if self._since is not None and at - self._since > self.longest:
            self.longest = at - self._since
            self.longest_began_at = self._since
