"""What is counted of a set of requests, and the figures that the report has of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tenfold.load.answer import Failure
from tenfold.load.comparison import at_most_share
from tenfold.load.histogram import Histogram
from tenfold.load.report import FailureCount, Latency, RequestReport, Second


@dataclass(slots=True)
class _Failures:
    count: int
    example: str
    example_at: float


@dataclass(slots=True)
class Counts:
    """What is counted of one kind of request, of all, or of one second."""

    due: int = 0
    failed: int = 0
    unfinished: int = 0
    latency: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    longest_failed: float = 0.0
    failures: dict[str, _Failures] = field(default_factory=dict)

    def fail(self, failure: Failure, at: float, took: float) -> None:
        """Count a failed request that was due at `at` and ended `took` seconds later."""
        self.failed += 1
        self.longest_failed = max(self.longest_failed, took)
        seen = self.failures.setdefault(failure.kind, _Failures(0, failure.example, at))
        seen.count += 1


def request_report(name: str, counts: Counts) -> RequestReport:
    """The report of what was counted."""
    return RequestReport(
        name=name,
        due=counts.due,
        succeeded=counts.latency.count,
        failed=counts.failed,
        unfinished=counts.unfinished,
        latency_ms=latency_report(counts.latency),
        service_ms=latency_report(counts.service),
        longest_failed_ms=milliseconds(counts.longest_failed),
        failures=tuple(
            FailureCount(kind, seen.count, seen.example, round(seen.example_at, 3))
            for kind, seen in sorted(counts.failures.items(), key=lambda item: -item[1].count)
        ),
        failed_share_at_most=None if counts.failed else at_most_share(counts.latency.count),
    )


def second_report(second: int, counts: Counts) -> Second:
    """The report of one second."""
    return Second(
        second=second,
        due=counts.due,
        succeeded=counts.latency.count,
        failed=counts.failed,
        p99_ms=milliseconds(counts.latency.quantile(0.99)),
        max_ms=milliseconds(counts.latency.maximum),
    )


def latency_report(histogram: Histogram) -> Latency:
    """The percentiles of a histogram, in milliseconds."""
    return Latency(
        p50=milliseconds(histogram.quantile(0.5)),
        p90=milliseconds(histogram.quantile(0.9)),
        p99=milliseconds(histogram.quantile(0.99)),
        p999=milliseconds(histogram.quantile(0.999)),
        max=milliseconds(histogram.maximum),
        mean=milliseconds(histogram.total / histogram.count) if histogram.count else 0.0,
    )


def milliseconds(seconds: float) -> float:
    """Seconds as milliseconds, to the microsecond."""
    return round(seconds * 1000, 3)
