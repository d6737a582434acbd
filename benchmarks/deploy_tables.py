"""What clients noticed of renewals, as tables and notes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.markdown import number
from benchmarks.results import Table

LONGEST_WAIT = "longest wait, beyond what is slow on purpose, ms"
SLOW_ANSWER = "slow answer"
SLOW_SECONDS = 1.5  # a slow answer takes this long on purpose


@dataclass(slots=True)
class Run:
    """One side under load. Durations are seconds, one for each renewal; `failure` ended it early.

    `report` is version 1 of what ``python -m tenfold.load --json`` prints.
    """

    name: str
    renewals: list[float] = field(default_factory=list)
    rollbacks: list[float] = field(default_factory=list)
    failure: str | None = None
    report: dict[str, Any] = field(default_factory=dict)


def noticed(runs: Sequence[Run]) -> Table:
    """Failed requests, lost writes, waits: one column for each side."""
    columns = [dict(_facts(run)) for run in runs]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    return Table("What the clients noticed", ("", *(run.name for run in runs)), tuple(rows))


def kinds(runs: Sequence[Run]) -> Table:
    """Latency of each kind of request."""
    columns = [{kind["name"]: _latency(kind) for kind in run.report["requests"]} for run in runs]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    title = "Latency by kind of request: p50 / p99 / longest, ms (uploads: beyond sending)"
    return Table(title, ("", *(run.name for run in runs)), tuple(rows))


def notes(runs: Sequence[Run]) -> list[str]:
    """What a reader has to know beside the figures."""
    said = [run.failure for run in runs if run.failure]
    for run in runs:
        said += [f"{run.name}: {warning}" for warning in run.report["warnings"]]
        said += [
            f"{run.name}, failed as *{failure['kind']}*: {failure['count']}, "
            f"for example {' '.join(failure['example'].split())}"
            for failure in run.report["overall"]["failures"]
        ]
    clean = [run for run in runs if _is_clean(run)]
    said += [
        f"{run.name}: none in {len(run.renewals)} renewals says, with 95 % confidence, that fewer "
        f"than {3 / len(run.renewals):.1%} of them fail a request (rule of three; the requests of "
        "one renewal are not independent of each other)."
        for run in clean
        if len(run.renewals) >= 3
    ]
    return said


def _is_clean(run: Run) -> bool:
    return bool(run.report["ok"]) and run.failure is None


def _facts(run: Run) -> list[tuple[str, str]]:
    report, overall, writes = run.report, run.report["overall"], run.report["writes"]
    ledger = report["comparison"]
    waits = _timed(run.rollbacks) if run.rollbacks else ""
    return [
        ("renewals in a row", f"{len(run.renewals)}"),
        ("one of them: median (longest), s", _timed(run.renewals)),
        ("one rollback: median (longest), s", waits),
        ("requests", f"{overall['due']:,}"),
        ("**failed requests**", f"**{overall['failed']:,}**"),
        ("renewals per failed request", _per_failure(run)),
        ("writes acknowledged", f"{ledger['acknowledged']:,}"),
        (
            "**lost / duplicated writes**",
            f"**{_count(ledger, 'lost')} / {_count(ledger, 'duplicated')}**",
        ),
        (LONGEST_WAIT, number(longest_wait(report, SLOW_SECONDS))),
        ("longest stall of writes, ms", number(writes["longest_stall_ms"])),
        ("generator, share of a core", f"{report['generator']['cpu_share']:.0%}"),
    ]


def _timed(durations: Sequence[float]) -> str:
    if not durations:
        return ""
    return f"{number(median(durations))} ({number(max(durations))})"


def _per_failure(run: Run) -> str:
    failed = run.report["overall"]["failed"]
    return number(len(run.renewals) / failed) if failed else ""


def _count(ledger: dict[str, Any], name: str) -> int:
    return int(ledger["counts"][name])


def longest_wait(report: dict[str, Any], slow_seconds: float) -> float:
    """Of all requests, failed ones included, in milliseconds.

    What a slow answer takes on purpose, `slow_seconds`, is taken off; what an upload's sending
    takes is off already, but counts in one that failed.
    """
    return max(_longest(kind) - _on_purpose_ms(kind, slow_seconds) for kind in report["requests"])


def _longest(kind: dict[str, Any]) -> float:
    return float(max(kind["latency_ms"]["max"], kind["longest_failed_ms"]))


def _on_purpose_ms(kind: dict[str, Any], slow_seconds: float) -> float:
    return slow_seconds * 1000 if kind["name"] == SLOW_ANSWER else 0.0


def _latency(kind: dict[str, Any]) -> str:
    latency = kind["latency_ms"]
    return " / ".join(number(latency[name]) for name in ("p50", "p99", "max"))
