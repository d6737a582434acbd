"""What users noticed of a database's faults, as tables and notes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Any

from benchmarks.markdown import number
from benchmarks.results import Table

GOALS: Mapping[str, float] = {
    "PostgreSQL killed": 3.0,
    "Patroni and PostgreSQL killed": 5.0,
    "host killed": 5.0,
    "leader's host drained": 1.0,
}
"""Seconds: of the planned one for the longest stall, of the others for p95."""


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault, and what came of it.

    Attributes:
        stall: the longest time in which a write was due and none was acknowledged, seconds.
        failed: requests without an answer that was wanted.
        soon: those of them that were sent after the fault, within a second.
        later: those that were sent later than that; the rest was in flight when it came.
        lost, duplicated, unknown: writes, by the ledger; ``applied``: unknown ones that are there.
        two: moments in which two servers took writes; ``None`` where nobody looked.
        led: whether another one leads since.
        false: changes of the leader before the fault that nobody asked for.
        round: in which it came.
    """

    fault: str
    stall: float
    requests: int
    acknowledged: int
    failed: int
    soon: int
    later: int
    lost: int
    duplicated: int
    unknown: int
    applied: int
    led: bool
    false: int
    two: int | None = None
    round: int = 0


def struck(
    fault: str,
    report: Mapping[str, Any],
    failures: Sequence[Mapping[str, Any]],
    at: float,
    *,
    led: bool,
    false: int,
) -> Struck:
    """From version 1 of what ``python -m tenfold.load --json`` prints.

    Args:
        fault: its name.
        report: of a load that ran through it.
        failures: its requests that failed, as ``--failures`` writes them.
        at: when it had come, on the same clock.
        led: whether another one leads since.
        false: changes of the leader that nobody asked for.
    """
    ledger, overall = report["comparison"], report["overall"]
    since = [one["sent"] - at for one in failures]
    return Struck(
        fault=fault,
        stall=report["writes"]["longest_stall_ms"] / 1000,
        requests=overall["due"],
        acknowledged=ledger["acknowledged"],
        failed=overall["failed"],
        soon=sum(0 < seconds <= 1 for seconds in since),
        later=sum(seconds > 1 for seconds in since),
        lost=ledger["counts"]["lost"],
        duplicated=ledger["counts"]["duplicated"],
        unknown=ledger["unknown"],
        applied=ledger["counts"]["unknown_applied"],
        led=led,
        false=false,
    )


def stalls(sides: Mapping[str, Sequence[Struck]]) -> Table:
    """How long writes waited, by fault and side."""
    header = ("", "", "n", "median", "p95", "longest", "goal")
    rows = []
    for fault in _faults(sides):
        for name, all_ in sides.items():
            own = [one.stall for one in all_ if one.fault == fault]
            if own:
                goal = _judged(fault, own) if name == next(iter(sides)) else ""
                figures = (number(median(own)), number(p95(own)), number(max(own)))
                rows.append((fault, name, str(len(own)), *figures, goal))
    return Table("From the last to the next acknowledged write, s", header, tuple(rows))


def noticed(sides: Mapping[str, Sequence[Struck]]) -> Table:
    """What failed, and what became of writes."""
    header = (
        *("", "", "requests", "failed", "sent within 1 s after", "sent later"),
        *("writes acknowledged", "lost / duplicated", "outcome unknown, of these done"),
        *("another one led", "two led at once", "false failovers"),
    )
    rows = []
    for fault in _faults(sides):
        for name, all_ in sides.items():
            own = [one for one in all_ if one.fault == fault]
            if own:
                rows.append((fault, name, *_counts(own)))
    return Table("What the clients noticed", header, tuple(rows))


def notes(sides: Mapping[str, Sequence[Struck]]) -> tuple[str, ...]:
    """What no loss in so many faults means."""
    first = next(iter(sides))
    own = sides[first]
    if len(own) < 3 or any(one.lost or one.duplicated for one in own):
        return ()
    return (
        f"{first}: no lost or doubled write in {len(own)} faults says, with 95 % confidence, that"
        f" fewer than {3 / len(own):.1%} of such faults have one (rule of three).",
    )


def p95(values: Sequence[float]) -> float:
    """The smallest that 95 % of the values do not exceed; of fewer than twenty the largest."""
    return sorted(values)[ceil(0.95 * len(values)) - 1]


def _judged(fault: str, own: Sequence[float]) -> str:
    if fault not in GOALS:
        return "the lease"
    longest = fault == "leader's host drained"
    reached = max(own) if longest else p95(own)
    words = "longest" if longest else "p95"
    verdict = "reached" if reached <= GOALS[fault] else "**missed**"
    return f"{words} ≤ {GOALS[fault]:g}: {verdict}"


def _faults(sides: Mapping[str, Sequence[Struck]]) -> Iterable[str]:
    return dict.fromkeys(one.fault for all_ in sides.values() for one in all_)


def _counts(own: Sequence[Struck]) -> tuple[str, ...]:
    def total(name: str) -> int:
        return sum(int(getattr(one, name)) for one in own)

    return (
        f"{total('requests'):,}",
        f"{total('failed'):,}",
        f"{total('soon'):,}",
        f"{total('later'):,}",
        f"{total('acknowledged'):,}",
        f"**{total('lost')} / {total('duplicated')}**",
        f"{total('unknown')}, {total('applied')}",
        f"{total('led')} of {len(own)}",
        "not looked at" if any(one.two is None for one in own) else str(total("two")),
        str(total("false")),
    )
