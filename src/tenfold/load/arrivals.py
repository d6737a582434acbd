"""When each request is due: drawn from the rate, never from how the site behaves (open loop).

The expected number of arrivals up to time t is ``rate * t**2 / (2 * ramp)`` during the ramp, and
linear after it. Arrivals of unit rate (at 1, 2, 3, ... or with exponential gaps) are carried
through the inverse of that function, which makes a Poisson process of the wanted rate out of one
of rate 1 (time rescaling; Brown et al., Neural Computation 14:2, 2002).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Spacing = Literal["poisson", "constant"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to come: seconds after the start, and which of the kinds of request."""

    at: float
    kind: int


def expected_count(rate: float, ramp_seconds: float, t: float) -> float:
    """How many arrivals are expected up to `t` seconds after the start."""
    if t < ramp_seconds:
        return rate * t * t / (2 * ramp_seconds)
    return rate * (t - ramp_seconds / 2)


def time_of_count(rate: float, ramp_seconds: float, count: float) -> float:
    """The inverse of :func:`expected_count`: when `count` arrivals are expected."""
    in_ramp = rate * ramp_seconds / 2
    if count < in_ramp:
        return math.sqrt(2 * ramp_seconds * count / rate)
    return count / rate + ramp_seconds / 2


def schedule(
    *,
    rate: float,
    duration_seconds: float,
    ramp_seconds: float,
    spacing: Spacing,
    weights: Sequence[float],
    seed: int,
) -> Iterator[Arrival]:
    """All arrivals of a load, in order; the same seed gives the same ones."""
    rng = random.Random(f"arrivals {seed}")  # noqa: S311 (repeatable on purpose, no secret)
    cumulative = tuple(itertools.accumulate(weights))
    kinds = range(len(weights))
    count = 0.0
    while True:
        count += 1.0 if spacing == "constant" else rng.expovariate(1.0)
        at = time_of_count(rate, ramp_seconds, count)
        if at > duration_seconds:
            return
        yield Arrival(at, rng.choices(kinds, cum_weights=cumulative)[0])
