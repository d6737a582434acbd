"""Until when something lasts at the most: a bound that outlives this agent, and this boot."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tenfold.agent.identity import boot_id


@dataclass(frozen=True, slots=True)
class Bound:
    """So long from a moment on.

    ``deadline`` counts while the machine that set it runs: it is of the clock that nobody sets.
    After a restart ``until`` does, in seconds since the epoch. Neither lengthens it beyond
    ``within_seconds``.
    """

    within_seconds: float
    until: float
    deadline: float
    boot: str

    @classmethod
    def of(cls, within_seconds: float) -> Bound:
        """From now on."""
        until, deadline = time.time() + within_seconds, time.monotonic() + within_seconds
        return cls(within_seconds, until, deadline, boot_id())

    def left_seconds(self) -> float:
        """How long it may still last; below 0 when it is over."""
        same = self.boot == boot_id()
        left = self.deadline - time.monotonic() if same else self.until - time.time()
        return min(left, self.within_seconds)
