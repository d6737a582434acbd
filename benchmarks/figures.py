"""The statistics of paired rounds. Pure: no clock, no chance, the same figures for the same data.

Both sides are measured in every round, one after the other, so what slows the machine for a while
slows both. What is compared is therefore the ratio within each round. Its median gets an interval
from order statistics: the number of rounds whose ratio lies below the true median is binomial with
p = 1/2, whatever the distribution (Conover, Practical Nonparametric Statistics, section 3.2; the
interval belongs to the sign test). It needs no assumption that a benchmark could not keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Holds the median with at least this confidence, a share of 1; 0 for a single value."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours divided by theirs, round by round: the median and its interval."""

    median: float
    interval: Interval
    rounds: int


class Verdict(StrEnum):
    """What the interval says about a goal."""

    REACHED = "reached"
    MISSED = "missed"
    OPEN = "not decided"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound of the ratio, from below or from above."""

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a goal has one bound")

    def __str__(self) -> str:
        return f"≥ {self.at_least}" if self.at_least is not None else f"≤ {self.at_most}"

    def judge(self, ratio: Ratio) -> Verdict:
        """Reached or missed where the whole interval says so and is of :data:`CONFIDENCE`."""
        inside = [self._holds(x) for x in (ratio.interval.low, ratio.interval.high)]
        if ratio.interval.confidence < CONFIDENCE or inside[0] != inside[1]:
            return Verdict.OPEN
        return Verdict.REACHED if inside[0] else Verdict.MISSED

    def _holds(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        assert self.at_most is not None
        return value <= self.at_most


def interval_of_median(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The narrowest symmetric interval of order statistics with at least this confidence.

    Fewer than six values cannot reach 95 %: the answer is then their whole range, with the
    confidence that it really has.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    n = len(ordered)
    left_out = 0
    while left_out + 1 < (n + 1) // 2 and _covered(n, left_out + 1) >= confidence:
        left_out += 1
    return Interval(ordered[left_out], ordered[n - 1 - left_out], _covered(n, left_out))


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The ratio of two sides that were measured in the same rounds.

    Raises:
        ValueError: none or unequally many rounds, or a round in which the other side has zero.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds beside {len(theirs)}")
    if any(value == 0 for value in theirs):
        raise ValueError("a ratio to zero")
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    interval = interval_of_median(ratios)
    return Ratio(median(ratios), interval, len(ratios))


def _covered(n: int, left_out: int) -> float:
    """The confidence of the interval that leaves out this many values at either end."""
    tail = sum(comb(n, k) for k in range(left_out + 1)) / 2**n
    return max(0.0, 1 - 2 * tail)
