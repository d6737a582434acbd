"""What a load found, as data that becomes JSON as it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tenfold.load.comparison import Comparison, at_most_share

REPORT_VERSION = 1
IDS_NAMED = 1_000

LATE_MS = 5.0
BUSY_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles within 0.5 %, the maximum exact; 0 where nothing succeeded."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    mean: float


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How often requests failed in one way, and the first of them."""

    kind: str
    count: int
    example: str
    example_at_seconds: float


@dataclass(frozen=True, slots=True)
class RequestReport:
    """One kind of request, or all of them.

    Attributes:
        due: how many were due; each of them is one of the next three.
        succeeded: answered to the end with a wanted status; only these are in `latency_ms`.
        failed: not sent because of max_in_flight, not answered to the end, or an unwanted status.
        unfinished: without an answer yet when the load was stopped early.
        latency_ms: from when the request was due to the end of its answer; for one that sends or
            reads slowly on purpose, what it took beyond that.
        service_ms: the same from when it was really sent; the difference is the generator's own.
        longest_failed_ms: the longest that a failed request took.
        failed_share_at_most: with no failure, the share of failures not exceeded at 95 %.
    """

    name: str
    due: int
    succeeded: int
    failed: int
    unfinished: int
    latency_ms: Latency
    service_ms: Latency
    longest_failed_ms: float
    failures: tuple[FailureCount, ...]
    failed_share_at_most: float | None


@dataclass(frozen=True, slots=True)
class WriteReport:
    """Requests that write (all but GET and HEAD); deliberately slow ones are left out.

    `longest_stall_ms` is the longest time in which a write was due and none was acknowledged.
    """

    acknowledged: int
    longest_stall_ms: float
    longest_stall_at_seconds: float | None
    max_latency_ms: float


@dataclass(frozen=True, slots=True)
class Second:
    """The requests that were due within one second of the load."""

    second: int
    due: int
    succeeded: int
    failed: int
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class GeneratorReport:
    """What the generator itself did.

    Attributes:
        cpu_share: of one core, while sending.
        lateness_ms: how late requests were sent, against when they were due.
        not_sent: how many max_in_flight kept back; counted as failed, too.
        most_in_flight: the most at once.
    """

    cpu_share: float
    lateness_ms: Latency
    not_sent: int
    most_in_flight: int


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The ledger's own count; `acknowledged` are those that are durable on disk."""

    path: str
    sent: int
    acknowledged: int
    longest_fsync_ms: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One load. `rate_*` are requests per second; `rate_asked` is that of the plateau.

    `rate_due` is what the schedule with its ramp asked for on average, `rate_answered` what
    succeeded, both over `elapsed_seconds`, which ends with the last answer.
    """

    run_id: str
    base_url: str
    seed: int
    arrivals: str
    keep_alive: bool
    duration_seconds: float
    ramp_seconds: float
    elapsed_seconds: float
    stopped_early: bool
    rate_asked: float
    rate_due: float
    rate_answered: float
    overall: RequestReport
    requests: tuple[RequestReport, ...]
    writes: WriteReport
    timeline: tuple[Second, ...]
    generator: GeneratorReport
    ledger: LedgerReport | None
    warnings: tuple[str, ...]
    comparison: Comparison | None = None
    uncompared: str | None = None
    """Why there is no comparison, where there should be one."""

    @property
    def ok(self) -> bool:
        """No request failed, and where the ledger was to be compared, it was, and no write was lost
        or doubled."""
        holds = self.comparison is None or self.comparison.holds
        return self.overall.failed == 0 and holds and self.uncompared is None

    def compared(self, comparison: Comparison) -> LoadReport:
        """The same report with the ledger's comparison."""
        return dataclasses.replace(self, comparison=comparison)

    def not_compared(self, why: str) -> LoadReport:
        """The same report, which says that its ledger could not be compared."""
        return dataclasses.replace(self, uncompared=why)

    def to_json(self) -> dict[str, Any]:
        """An object of version 1. All ids are counted; of long lists the first 1,000 are named."""
        data = dataclasses.asdict(self)
        data["comparison"] = None if self.comparison is None else comparison_json(self.comparison)
        return {"version": REPORT_VERSION, "ok": self.ok, **data}


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison's counts, its bounds, and the ids by name."""
    lists = {
        field.name: getattr(comparison, field.name)
        for field in dataclasses.fields(comparison)
        if isinstance(getattr(comparison, field.name), tuple)
    }
    n = comparison.acknowledged
    return {
        "holds": comparison.holds,
        "sent": comparison.sent,
        "acknowledged": n,
        "refused": comparison.refused,
        "unknown": comparison.unknown,
        "counts": {name: len(ids) for name, ids in lists.items()},
        "lost_share_at_most": None if comparison.lost else at_most_share(n),
        "duplicated_share_at_most": None if comparison.duplicated else at_most_share(n),
        "ids": {name: list(ids[:IDS_NAMED]) for name, ids in lists.items()},
    }


def generator_warnings(generator: GeneratorReport) -> tuple[str, ...]:
    """What says that the generator, and not the site, shaped these figures."""
    warnings = []
    if generator.lateness_ms.p99 > LATE_MS:
        warnings.append(
            f"the generator was the bottleneck: it sent 1 % of the requests more than "
            f"{generator.lateness_ms.p99:.0f} ms late; lower the rate, or give it a core of its own"
        )
    if generator.cpu_share > BUSY_SHARE:
        warnings.append(
            f"the generator was the bottleneck: it used {generator.cpu_share:.0%} of a core; "
            "lower the rate, or share it between several generators"
        )
    if generator.not_sent:
        warnings.append(
            f"{generator.not_sent} requests were not sent, as {generator.most_in_flight} were in "
            "flight already (max_in_flight)"
        )
    return tuple(warnings)
