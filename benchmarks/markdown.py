"""Findings as Markdown: the same text on the terminal, in ``results/`` and in RESULTS.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.figures import Ratio
from benchmarks.results import Comparison, Finding, Record, Table

FIGURES = ("ratio", "interval", "goal")


def page(records: Sequence[Record]) -> str:
    """RESULTS.md: every record with its machine and its command."""
    lines = [
        "# Benchmark results",
        "",
        "<!-- Written by `python -m benchmarks`; do not edit. -->",
        "",
        "Tenfold beside the same processes started and tuned by hand, on one machine, in one run,",
        "in alternating rounds. Cells are *median (worst)*. The ratio is the median of the ratios",
        "within each round, Tenfold divided by by-hand; its interval holds the true median with at",
        "least 95 % confidence, or with the one that is named where the rounds are too few.",
        "[What is measured, and why so](../docs/explanation/performance.md).",
    ]
    for record in records:
        lines += ["", *_section(record)]
    return "\n".join(lines) + "\n"


def text(finding: Finding) -> str:
    """One finding, for the terminal."""
    return "\n".join(_finding(finding)) + "\n"


def number(value: float) -> str:
    """Three significant digits; whole numbers from 100 on."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}"


def _section(record: Record) -> Iterator[str]:
    yield from _finding(record.finding)
    yield ""
    yield f"`{record.command}`"
    yield ""
    yield "; ".join(f"{name}: {value}" for name, value in record.machine.items())


def _finding(finding: Finding) -> Iterator[str]:
    yield f"## {finding.title}"
    yield ""
    yield finding.how
    if finding.comparisons:
        yield ""
        yield from _rows(
            ("", *finding.sides, *FIGURES), [_compared(c) for c in finding.comparisons]
        )
    for table in finding.tables:
        yield ""
        yield from _table(table)
    for note in finding.notes:
        yield ""
        yield f"**Note:** {note}"


def _compared(comparison: Comparison) -> tuple[str, ...]:
    ratio, goal = comparison.ratio, comparison.goal
    return (
        f"{comparison.what}, {comparison.unit}",
        _cell(comparison.ours, comparison.more_is_better),
        _cell(comparison.theirs, comparison.more_is_better),
        f"{ratio.median:.3f}",
        _interval(ratio),
        f"{goal}: {goal.judge(ratio)}" if goal else "",
    )


def _cell(values: Sequence[float], more_is_better: bool) -> str:
    worst = min(values) if more_is_better else max(values)
    return f"{number(median(values))} ({number(worst)})"


def _interval(ratio: Ratio) -> str:
    interval = ratio.interval
    span = f"{interval.low:.3f} to {interval.high:.3f}"
    rounds = f"{ratio.rounds} round" + ("s" if ratio.rounds != 1 else "")
    return f"{span} ({interval.confidence:.0%}, {rounds})"


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.title}"
    yield ""
    yield from _rows(table.header, table.rows)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
