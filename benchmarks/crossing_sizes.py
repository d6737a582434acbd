"""Whether users wait for longer when the database that moves is large."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.apps import DIARY
from benchmarks.crossing_tables import PARTS, Move, move_of
from benchmarks.crossings import BACK, THERE
from benchmarks.figures import Goal
from benchmarks.filler import RATE, fill, size_mb, updates
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding, Table
from benchmarks.tenfold_site import TenfoldSite
from benchmarks.workplace import Workplace, alternating

MOVES = 12
SIZES_MB, QUICK_MB = (5000, 100), (40, 10)
GOAL = Goal(at_most=1.2)
STEPS = ("Hold", "Fence", "AwaitLast", "Promote", "Handover")
HOW = f"""\
Two sites of the same app, one with a large database and one with a small one, are moved in turns,
there and back, each copied and moved once before. While a site moves, one session makes {RATE}
random updates a second all over its table (`pgbench`); the stop of the old leader ends it, and it
comes back at whoever leads then. There are no requests, and the other site is idle meanwhile. The
length of the hold and of its steps is from the report of each move."""


@dataclass(slots=True)
class Sized:
    """One site, of about ``megabytes``; ``dsn`` leads to whoever leads."""

    name: str
    megabytes: int
    site: TenfoldSite
    dsn: str = ""
    really_mb: float = 0.0
    copying_seconds: float = 0.0
    moves: list[Move] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)


def measure(options: Options, place: Workplace) -> Finding:
    """Move both in turns, as often there as back."""
    sizes = options.sizes_mb or (QUICK_MB if options.quick else SIZES_MB)
    sides = [_made(megabytes, place) for megabytes in sizes]
    for turn in range(options.rounds_or(MOVES)):
        command = THERE if turn % 2 == 0 else BACK
        for one in alternating(sides[0], sides[1], turn):
            _move(one, command, place)
        print(f"  {turn + 1} moves of each", file=sys.stderr, flush=True)
    for one in sides:
        one.site.close()
    large, small = sides
    return Finding(
        name="crossing_sizes",
        title="How long requests are held, by the size of the database",
        how=HOW,
        comparisons=(
            _compared("held", [m.held for m in large.moves], [m.held for m in small.moves], GOAL),
            *(_compared(PARTS[kind], _of(kind, large), _of(kind, small)) for kind in STEPS),
        ),
        tables=(_sites(sides),),
        raw={one.name: _raw(one) for one in sides},
        sides=(large.name, small.name),
    )


def _made(megabytes: int, place: Workplace) -> Sized:
    """Up, filled, and with a way there and back that was gone once."""
    site = place.tenfold(DIARY)
    site.up()
    fill(site, megabytes)
    one = Sized(f"{megabytes:,} MB", megabytes, site, really_mb=size_mb(site))
    first = site.dsn()
    _, one.copying_seconds = site.move(*THERE)
    one.dsn = both(first, site.dsn())
    site.move(*BACK)
    return one


def _move(one: Sized, command: tuple[str, ...], place: Workplace) -> None:
    with updates(one.dsn, one.megabytes, place.fresh("updates")) as going:
        report, seconds = one.site.move(*command)
    one.moves.append(move_of(report, seconds))
    one.updates.append(going.done)


def both(first: str, second: str) -> str:
    """One address for two that differ in host and port alone: of the one that accepts writes.

    >>> both("postgresql://u:p@127.0.0.1:5432/d", "postgresql://u:p@127.0.0.2:6432/d")
    'postgresql://u:p@127.0.0.1:5432,127.0.0.2:6432/d?target_session_attrs=read-write'
    """
    who, _, rest = first.rpartition("@")
    one, _, database = rest.partition("/")
    other = second.rpartition("@")[2].partition("/")[0]
    more = "&" if "?" in database else "?"
    return f"{who}@{one},{other}/{database}{more}target_session_attrs=read-write"


def _of(kind: str, one: Sized) -> list[float]:
    return [move.parts[PARTS[kind]] for move in one.moves]


def _compared(
    what: str, ours: list[float], theirs: list[float], goal: Goal | None = None
) -> Comparison:
    def ms(values: list[float]) -> tuple[float, ...]:
        return tuple(value * 1000 for value in values)

    return Comparison(what, "ms", ms(ours), ms(theirs), goal=goal)


def _sites(sides: list[Sized]) -> Table:
    rows = (
        ("database, MB", *(f"{one.really_mb:,.0f}" for one in sides)),
        ("first `grow`, with the copy, s", *(f"{one.copying_seconds:.1f}" for one in sides)),
        ("moves", *(str(len(one.moves)) for one in sides)),
        ("updates while they ran", *(f"{sum(one.updates):,}" for one in sides)),
    )
    return Table("The two sites", ("", *(one.name for one in sides)), rows)


def _raw(one: Sized) -> dict[str, Any]:
    return {
        "database_mb": one.really_mb,
        "copying_seconds": one.copying_seconds,
        "moves": [asdict(move) for move in one.moves],
        "updates": one.updates,
    }
