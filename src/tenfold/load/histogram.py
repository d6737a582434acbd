"""Latencies in logarithmic buckets: any percentile within 0.5 %, the maximum exact.

The buckets grow by a constant factor, as in DDSketch (Masson, Rim, Lee, VLDB 2019, section 2): with
``gamma = (1 + a) / (1 - a)`` the middle of a bucket is within the share `a` of everything in it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

RELATIVE_ERROR = 0.005

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_SMALLEST_SECONDS = 1e-6


@dataclass(slots=True)
class Histogram:
    """Counts of durations in seconds; those below one microsecond count as one microsecond."""

    count: int = 0
    maximum: float = 0.0
    total: float = 0.0
    _buckets: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.total += seconds
        self.maximum = max(self.maximum, seconds)
        self._buckets[math.ceil(math.log(max(seconds, _SMALLEST_SECONDS)) / _LOG_GAMMA)] += 1

    def quantile(self, q: float) -> float:
        """The duration that the share `q` of all does not exceed, in seconds; 0 when empty.

        The smallest value with at least ``ceil(q * count)`` at or below it, within 0.5 %.
        """
        if not self.count:
            return 0.0
        wanted = max(1, math.ceil(q * self.count))
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= wanted:
                return min(2 * _GAMMA**index / (_GAMMA + 1), self.maximum)
        return self.maximum
