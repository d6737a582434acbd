"""Moves 10 -> 100 and back under load, beside a careful script of the same move by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter

from benchmarks.apps import DIARY
from benchmarks.by_hand.site import HandSite
from benchmarks.crossing_tables import (
    BY_HAND,
    SLOW_SECONDS,
    Crossings,
    Move,
    composition,
    held,
    histogram,
    move_of,
    notes,
    noticed,
)
from benchmarks.deploy_tables import SLOW_ANSWER
from benchmarks.notes_load import USERS, WRITE
from benchmarks.open_loop import OpenLoop
from benchmarks.options import Options
from benchmarks.results import Finding
from benchmarks.tenfold_site import TenfoldSite
from benchmarks.workplace import Workplace, check_workers

CROSSINGS, MOVES_BY_HAND = 50, 5
QUICK = 2
LONGEST_SECONDS = 14_400.0
TOLD_EVERY = 5
THERE, BACK = ("grow", "--to", "100"), ("reverse",)
HOW = f"""\
One open-loop load (`tenfold load`, Poisson arrivals, keep-alive clients, nothing retried) runs
from before the first move until after the last: reads, writes with a ledger, and answers that take
{SLOW_SECONDS} s. The app's schema comes from a migration. `tenfold grow --to 100` and `tenfold
reverse` take turns; the first also makes the copy, afterwards both sides follow each other. How
long requests were held, and each step's part in it, is from the report that each move writes. By
hand, same binaries, same load: a fresh copy by `pg_basebackup` with a slot on another port, until
it is level, then checkpoints on both; then SIGTERM to the workers, whose listening socket stays
open so that clients queue; a fast stop of the old PostgreSQL, a look whether the copy has its last
record, `pg_ctl promote -w`, and new workers with the new address on the same socket. They can only
be started then: on a socket that they share with others they accept as soon as they have started. A
failed request is one without a whole answer of status 2xx."""
SPEC = f"""\
{USERS}
[[load.requests]]
name = "read"
weight = 6
path = "/notes"

[[load.requests]]
name = "write"
weight = 3
{WRITE}
[[load.requests]]
name = "{SLOW_ANSWER}"
weight = 1
path = "/slow?seconds={SLOW_SECONDS}"
"""


def measure(options: Options, place: Workplace) -> Finding:
    """Load and move one side, then the other."""
    count = options.crossings or (QUICK if options.quick else CROSSINGS)
    ours = place.tenfold(DIARY)
    ours.up()
    check_workers(ours)
    turns = [_there_or_back(ours, command) for command in [THERE, BACK] * count]
    mine = _under_load(Crossings(ours.name), turns, ours.url, ours.dsn(), place, options, ours)
    ours.close()
    theirs = place.by_hand(DIARY)
    theirs.up()
    check_workers(theirs)
    turns = [lambda: _by_hand(theirs)] * (
        options.by_hand or (QUICK if options.quick else MOVES_BY_HAND)
    )
    dsn = theirs.dsn_wherever()
    other = _under_load(Crossings(theirs.name), turns, theirs.url, dsn, place, options)
    theirs.close()
    runs = (mine, other)
    return Finding(
        name="crossings",
        title=f"{len(mine.moves):,} moves between 10 and 100 in a row under load",
        how=HOW,
        tables=(noticed(runs), held(runs), composition(mine), composition(other), histogram(runs)),
        notes=tuple(notes(runs)),
        raw={run.name: asdict(run) for run in runs},
    )


def _under_load(
    run: Crossings,
    turns: list[Callable[[], Move]],
    url: str,
    dsn: str,
    place: Workplace,
    options: Options,
    site: TenfoldSite | None = None,
) -> Crossings:
    load = OpenLoop(
        SPEC,
        url,
        place.fresh("load"),
        rate=options.rate,
        duration_seconds=LONGEST_SECONDS,
        dsn=dsn,
    )
    with load:
        try:
            for number, turn in enumerate(turns, start=1):
                run.moves.append(turn())
                load.check()
                if number % TOLD_EVERY == 0:
                    print(f"  {run.name}: {number} of {len(turns)}", file=sys.stderr, flush=True)
        except (AssertionError, RuntimeError, subprocess.TimeoutExpired, TimeoutError) as error:
            run.failure = f"{run.name}, after {len(run.moves)}: {error}"
            if site is not None:
                _bring_home(site)
    assert load.report is not None
    run.report = load.report
    return run


def _there_or_back(site: TenfoldSite, command: tuple[str, ...]) -> Callable[[], Move]:
    return lambda: move_of(*site.move(*command))


def _by_hand(site: HandSite) -> Move:
    began = perf_counter()
    _, waited = site.move()
    return Move(BY_HAND, perf_counter() - began, sum(waited.values()), waited)


def _bring_home(site: TenfoldSite) -> None:
    """The load looks for its writes where the database was when it began."""
    site.project.tenfold("resume", timeout=300)
    if site.stage() != "10":
        site.project.tenfold(*BACK, timeout=300)
