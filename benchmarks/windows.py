"""What happened within a stretch of time. Pure; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from tenfold.observe.report.model import Report


@dataclass(frozen=True, slots=True)
class Window:
    """From ``began`` to ``ended``."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.ended - self.began

    def overlap(self, began: float, ended: float) -> float:
        """How much of it lies between these two, in seconds."""
        return max(0.0, min(self.ended, ended) - max(self.began, began))


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was due and how long its answer took; ``None`` if it failed."""

    due: float
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class Rate:
    """Answers per second over a short time."""

    began: float
    ended: float
    per_second: float


def of_steps(report: Report, kind: str) -> Window | None:
    """From the begin of the first step of this kind to the end of the last."""
    steps = [step for step in report.steps if step.kind == kind and step.error is None]
    if not steps:
        return None
    return Window(min(step.began for step in steps), max(step.ended for step in steps))


def within(samples: Iterable[Sample], window: Window) -> list[Sample]:
    """Those that were due within the window."""
    return [sample for sample in samples if window.began <= sample.due < window.ended]


def quantile_ms(samples: Sequence[Sample], share: float) -> float | None:
    """The smallest latency that this share does not exceed; a failed request exceeds all.

    ``None`` if that is one that failed, or there is none.
    """
    latencies = sorted(s.latency_ms for s in samples if s.latency_ms is not None)
    rank = ceil(share * len(samples)) - 1
    return latencies[rank] if 0 <= rank < len(latencies) else None


def rate_in(rates: Iterable[Rate], window: Window) -> float | None:
    """The mean, each weighted by how much of it lies within; ``None`` if none does."""
    weighted = [(window.overlap(r.began, r.ended), r.per_second) for r in rates]
    total = sum(weight for weight, _ in weighted)
    return sum(weight * value for weight, value in weighted) / total if total > 0 else None
