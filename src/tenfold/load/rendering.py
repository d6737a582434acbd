"""The report as plain text of aligned columns; no colour, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.load.comparison import Comparison, at_most_share
from tenfold.load.report import LoadReport, RequestReport

_IDS_SHOWN = 10
_NAME_WIDTH = 40


def render(report: LoadReport) -> str:
    """What a person wants to know of a load, in one screen; ends with a line break."""
    blocks = [
        [_headline(report)],
        _table(report),
        [f"  {key:<10} {value}" for key, value in _facts(report)],
        _failures(report),
        [f"  {warning}" for warning in report.warnings],
        _named_ids(report.comparison),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def render_comparison(comparison: Comparison) -> str:
    """A comparison without a load: the ledger of a run that is over."""
    counted = (
        f"{comparison.sent:,} writes sent, {comparison.acknowledged:,} acknowledged, "
        f"{comparison.refused:,} refused"
    )
    lines = [f"ledger     {counted}", f"compared   {_compared(comparison)}"]
    return "\n".join([*lines, *_named_ids(comparison)]) + "\n"


def _headline(report: LoadReport) -> str:
    ramp = f" (ramp {_number(report.ramp_seconds)} s)" if report.ramp_seconds else ""
    spacing = {"poisson": "Poisson arrivals", "constant": "evenly spaced"}[report.arrivals]
    pool = "keep-alive" if report.keep_alive else "a connection each"
    early = ", stopped early" if report.stopped_early else ""
    return (
        f"{report.base_url} · {_number(report.rate_asked)}/s for "
        f"{_number(report.duration_seconds)} s{ramp}, {spacing}, {pool}"
        f" · run {report.run_id}{early}"
    )


def _table(report: LoadReport) -> list[str]:
    head = ["request", "due", "failed", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"]
    kinds = report.requests if len(report.requests) > 1 else ()
    rows = [head, *(_row(request) for request in (*kinds, report.overall))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return [_aligned(row, widths) for row in rows]


def _row(request: RequestReport) -> list[str]:
    latency = request.latency_ms
    values = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
    figures = [f"{value:,.1f}" if request.succeeded else "-" for value in values]
    return [request.name[:_NAME_WIDTH], f"{request.due:,}", f"{request.failed:,}", *figures]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = row
    cells = (f"{cell:>{width}}" for cell, width in zip(figures, widths[1:], strict=True))
    return "  ".join([f"  {name:<{widths[0]}}", *cells])


def _facts(report: LoadReport) -> list[tuple[str, str]]:
    generator, writes = report.generator, report.writes
    facts = [
        ("failed", _failed(report.overall)),
        (
            "rate",
            f"{report.rate_due:,.1f}/s due, {report.rate_answered:,.1f}/s answered "
            f"over {report.elapsed_seconds:,.1f} s",
        ),
    ]
    if writes.acknowledged:
        facts.append(
            (
                "writes",
                f"{writes.acknowledged:,} acknowledged, longest stall "
                f"{writes.longest_stall_ms:,.1f} ms, slowest {writes.max_latency_ms:,.1f} ms",
            )
        )
    facts += _ledger_facts(report)
    late = generator.lateness_ms
    facts.append(
        (
            "generator",
            f"{generator.cpu_share:.0%} of a core, sent {late.p99:,.1f} ms late at p99 "
            f"(max {late.max:,.1f} ms), {generator.most_in_flight:,} in flight at most",
        )
    )
    return facts


def _ledger_facts(report: LoadReport) -> list[tuple[str, str]]:
    facts = []
    if report.ledger is not None:
        ledger = report.ledger
        facts.append(
            (
                "ledger",
                f"{ledger.sent:,} writes sent, {ledger.acknowledged:,} acknowledged and on disk "
                f"in {ledger.path}",
            )
        )
    if report.comparison is not None:
        facts.append(("compared", _compared(report.comparison)))
    if report.uncompared is not None:
        facts.append(("compared", "not yet, see below: nothing is known of lost writes"))
    return facts


def _failed(request: RequestReport) -> str:
    unfinished = f", {request.unfinished:,} unfinished" if request.unfinished else ""
    bound = _bound(request.failed_share_at_most)
    return f"{request.failed:,} of {request.due:,}{bound}{unfinished}"


def _compared(comparison: Comparison) -> str:
    bound = at_most_share(comparison.acknowledged)
    parts = [
        f"{len(comparison.lost):,} lost{_bound(None if comparison.lost else bound)}",
        f"{len(comparison.duplicated):,} duplicated"
        f"{_bound(None if comparison.duplicated else bound)}",
        f"{comparison.unknown:,} of unknown outcome",
    ]
    if comparison.unknown:
        applied, not_applied = comparison.unknown_applied, comparison.unknown_not_applied
        parts[-1] += f" ({len(applied):,} applied, {len(not_applied):,} not)"
    if comparison.refused_applied:
        parts.append(f"{len(comparison.refused_applied):,} refused and yet applied")
    if comparison.phantom:
        parts.append(f"{len(comparison.phantom):,} of this run that are not in the ledger")
    return ", ".join(parts)


def _bound(share: float | None) -> str:
    return "" if share is None else f" (below {share * 100:.2g} % at 95 %)"


def _failures(report: LoadReport) -> list[str]:
    return [
        f"  {failure.count:,} x {failure.kind}, first at {failure.example_at_seconds:.1f} s: "
        f"{' '.join(failure.example.split())}"
        for failure in report.overall.failures
    ]


def _named_ids(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return []
    lists = {
        "lost": comparison.lost,
        "duplicated": tuple(f"{one} ({times} times)" for one, times in comparison.duplicated),
    }
    return [
        f"  {name}: {', '.join(ids[:_IDS_SHOWN])}{_rest(len(ids) - _IDS_SHOWN)}"
        for name, ids in lists.items()
        if ids
    ]


def _rest(count: int) -> str:
    return f" and {count:,} more (--json names them)" if count > 0 else ""


def _number(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")
