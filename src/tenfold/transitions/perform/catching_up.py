"""Whether a follower will catch up: the leader's rate of writing against its own of replaying.

The lag alone does not tell: one of 200 MB is gone in seconds, or grows for as long as it is waited
for. The two rates say which, and a steady trend says so long before the time is up. Pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

STEADY_SHARE: Final = 0.1
STEADY_SECONDS: Final = 30.0
"""A trend is believed after this share of the time that there is, and not before so long."""
SLICES: Final = 6
"""It is steady when the follower fell behind in each of so many equal parts of that time: one rush
of writes, or one checkpoint that slows the replay, is in a few of them."""
SPACING: Final = 20
"""Of each part so many samples are kept."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Where both are in the leader's log, in bytes, at a moment of the monotonic clock."""

    at: float
    written: int
    replayed: int

    @property
    def behind(self) -> int:
        """What the follower has not replayed yet."""
        return max(0, self.written - self.replayed)


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes a second."""

    writes: float
    replays: float

    @property
    def falls_behind(self) -> float:
        """By how much it does; below 0 it catches up."""
        return self.writes - self.replays


class Race:
    """What was seen of a follower within the last while.

    Args:
        max_seconds: how long it may take to catch up.
    """

    def __init__(self, max_seconds: float) -> None:
        self.steady_seconds = max(STEADY_SECONDS, max_seconds * STEADY_SHARE)
        self._samples: deque[Sample] = deque()

    def saw(self, sample: Sample) -> None:
        """One more, later than those before; those that are too near to the last are left out."""
        spacing = self.steady_seconds / (SLICES * SPACING)
        if len(self._samples) > 1 and sample.at - self._samples[-2].at < spacing:
            self._samples.pop()
        self._samples.append(sample)
        while self._has_two and sample.at - self._samples[1].at >= self.steady_seconds:
            self._samples.popleft()

    def lost_sight(self) -> None:
        """It is not connected: what was seen before says nothing any more."""
        self._samples.clear()

    @property
    def _has_two(self) -> bool:
        return len(self._samples) > 1

    @property
    def rates(self) -> Rates | None:
        """Of all that is kept; ``None`` before there are two samples."""
        if not self._has_two:
            return None
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        if seconds <= 0:
            return None
        return Rates(
            (last.written - first.written) / seconds, (last.replayed - first.replayed) / seconds
        )

    @property
    def is_hopeless(self) -> bool:
        """Whether it fell behind steadily, for as long as a trend takes to be believed."""
        if not self._has_two:
            return False
        first, last = self._samples[0], self._samples[-1]
        if last.at - first.at < self.steady_seconds:
            return False
        edges = [self._behind(first.at + self.steady_seconds * n / SLICES) for n in range(SLICES)]
        return all(a < b for a, b in zip(edges, [*edges[1:], last.behind], strict=True))

    def _behind(self, at: float) -> int:
        """By how much at the first sample of then or later."""
        return next(s.behind for s in self._samples if s.at >= at)
