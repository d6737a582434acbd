"""What users noticed of moves, and what the time is made of in which they wait. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median, quantiles
from typing import Any

from benchmarks.deploy_tables import LONGEST_WAIT, longest_wait
from benchmarks.markdown import number
from benchmarks.results import Table
from tenfold.observe.report.model import Report

BETWEEN = "between the steps: the journal"
PARTS: Mapping[str, str] = {  # in the order in which they come
    "Hold": "drain: what is in hand ends",
    "Fence": "fence: mark the old leader, stop it, look",
    "AwaitLast": "the follower has everything",
    "Promote": "promote",
    "WarmPool": "start the new workers",
    "Handover": "hand over, until the new workers accept",
}
EDGES_MS = (0, 100, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500, 2000, 3000, 5000, 10_000)
BY_HAND = "move"
SLOW_SECONDS = 0.2  # a slow answer takes this long on purpose


@dataclass(frozen=True, slots=True)
class Move:
    """One move that ended where it should; all times in seconds.

    Attributes:
        name: ``grow``, ``reverse``, or ``move`` by hand.
        seconds: the whole of it.
        held: how long no worker accepted.
        parts: what ``held`` is the sum of.
        tries: how often a hold was begun.
        longest_wait_ms: of a request that waited, in the edge's own log; ``None`` if none did.
    """

    name: str
    seconds: float
    held: float
    parts: Mapping[str, float]
    tries: int = 1
    longest_wait_ms: float | None = None


@dataclass(slots=True)
class Crossings:
    """One side under load; ``failure`` ended it early.

    `report` is version 1 of what ``python -m tenfold.load --json`` prints.
    """

    name: str
    moves: list[Move] = field(default_factory=list)
    failure: str | None = None
    report: dict[str, Any] = field(default_factory=dict)


def move_of(report: Report, seconds: float) -> Move:
    """A move from the report that its command wrote.

    Raises:
        ValueError: requests never waited.
    """
    if not report.holds:
        raise ValueError(f"{report.command} held nothing")
    hold = report.holds[-1]
    parts: dict[str, float] = {}
    for step in report.steps:
        within = min(step.ended, hold.ended) - max(step.began, hold.began)
        if within > 0 and step.kind in PARTS:
            parts[PARTS[step.kind]] = parts.get(PARTS[step.kind], 0.0) + within
    parts[BETWEEN] = max(0.0, hold.seconds - sum(parts.values()))
    longest = report.waits.longest_ms if report.waits and report.waits.count else None
    return Move(report.command, seconds, hold.seconds, parts, len(report.holds), longest)


def noticed(runs: Sequence[Crossings]) -> Table:
    """Failed requests, lost writes, waits: one column for each side."""
    columns = [dict(_facts(run)) for run in runs]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    return Table("What the clients noticed", ("", *(run.name for run in runs)), tuple(rows))


def held(runs: Sequence[Crossings]) -> Table:
    """For how long no worker accepted."""
    rows = []
    for run in runs:
        for name in dict.fromkeys(move.name for move in run.moves):
            rows.append(_held(f"{run.name}: {name}", [m for m in run.moves if m.name == name]))
    header = ("", "moves", "median", "p90", "longest")
    return Table("How long requests were held, ms", header, tuple(rows))


def histogram(runs: Sequence[Crossings]) -> Table:
    """The same, counted."""
    counts = [Counter(_bin(move.held * 1000) for move in run.moves) for run in runs]
    used = sorted({bin_ for count in counts for bin_ in count})
    bins = range(used[0], used[-1] + 1) if used else range(0)
    rows = [(_words(bin_), *(str(count[bin_]) for count in counts)) for bin_ in bins]
    header = ("held for", *(run.name for run in runs))
    return Table("How many moves held requests for how long", header, tuple(rows))


def composition(run: Crossings) -> Table:
    """What the time is made of in which requests are held, in the order in which it comes."""
    names = list(dict.fromkeys(name for move in run.moves for name in move.parts))
    names.sort(key=_place)
    whole = sum(move.held for move in run.moves)
    rows = []
    for name in names:
        values = [move.parts.get(name, 0.0) for move in run.moves]
        rows.append((name, *_three(values), f"{sum(values) / whole:.0%}"))
    rows.append(("**together**", *_three([move.held for move in run.moves]), ""))
    header = ("", "median", "p90", "longest", "share")
    return Table(f"What a hold is made of, {run.name}, ms", header, tuple(rows))


def notes(runs: Sequence[Crossings]) -> list[str]:
    """What a reader has to know beside the figures."""
    said = [run.failure for run in runs if run.failure]
    for run in runs:
        said += [f"{run.name}: {warning}" for warning in run.report["warnings"]]
        said += [
            f"{run.name}, failed as *{failure['kind']}*: {failure['count']}, "
            f"for example {' '.join(failure['example'].split())}"
            for failure in run.report["overall"]["failures"]
        ]
        if again := sum(move.tries - 1 for move in run.moves):
            said.append(
                f"{run.name}: {again} times a hold was given up and begun again, because a request "
                "in hand took too long. The parts are those of the hold that led to the switch."
            )
    said += [bound(run.name, len(run.moves)) for run in runs if _is_clean(run)]
    return said


def bound(name: str, moves: int) -> str:
    """What no failure in so many moves means."""
    return (
        f"{name}: no failed request and no lost or doubled write in {moves} moves says, with 95 % "
        f"confidence, that fewer than {min(1.0, 3 / moves):.1%} of moves have one (rule of three; "
        "the requests of one move are not independent of each other, so it is moves that count)."
    )


def p90(values: Sequence[float]) -> float:
    """The ninth decile; of fewer than ten values the largest, which is at least that."""
    if len(values) < 10:
        return max(values)
    return quantiles(values, n=10, method="inclusive")[-1]


def _is_clean(run: Crossings) -> bool:
    return bool(run.report["ok"]) and run.failure is None and len(run.moves) >= 3


def _facts(run: Crossings) -> list[tuple[str, str]]:
    report, overall, ledger = run.report, run.report["overall"], run.report["comparison"]
    waits = [move.longest_wait_ms for move in run.moves if move.longest_wait_ms is not None]
    counts = ledger["counts"]
    return [
        ("moves in a row", str(len(run.moves))),
        ("one of them: median (longest), s", _of(move.seconds for move in run.moves)),
        ("requests", f"{overall['due']:,}"),
        ("**failed requests**", f"**{overall['failed']:,}**"),
        ("writes acknowledged", f"{ledger['acknowledged']:,}"),
        ("**lost / doubled writes**", f"**{counts['lost']} / {counts['duplicated']}**"),
        ("writes without a known outcome", f"{ledger['unknown']:,}"),
        (LONGEST_WAIT, number(longest_wait(report, SLOW_SECONDS))),
        ("longest stall of writes, ms", number(report["writes"]["longest_stall_ms"])),
        ("longest wait in one move, edge's log: median (longest), ms", _of(waits)),
        ("generator, share of a core", f"{report['generator']['cpu_share']:.0%}"),
    ]


def _of(values: Iterable[float]) -> str:
    found = list(values)
    return f"{number(median(found))} ({number(max(found))})" if found else ""


def _held(name: str, moves: Sequence[Move]) -> tuple[str, ...]:
    return (name, str(len(moves)), *_three([move.held for move in moves]))


def _three(seconds: Sequence[float]) -> tuple[str, str, str]:
    """Median, p90 and maximum, in milliseconds."""
    found = (median(seconds), p90(seconds), max(seconds))
    return tuple(number(value * 1000) for value in found)  # type: ignore[return-value]


def _place(name: str) -> int:
    """Tenfold's parts in their order, what is between them last; those by hand as they came."""
    known = [*PARTS.values(), BETWEEN]
    return known.index(name) if name in known else 0


def _bin(ms: float) -> int:
    """The number of the bin; what is longer than all of them is in the last."""
    inside = (i for i, (low, high) in enumerate(pairwise(EDGES_MS)) if low <= ms < high)
    return next(inside, len(EDGES_MS) - 1)


def _words(bin_: int) -> str:
    if bin_ == len(EDGES_MS) - 1:
        return f"{EDGES_MS[-1]:,} ms or longer"
    return f"{EDGES_MS[bin_]:,} to {EDGES_MS[bin_ + 1]:,} ms"
