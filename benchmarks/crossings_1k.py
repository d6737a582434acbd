"""Moves 100 -> 1k and back under load: the running database comes into Patroni's care, and out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from statistics import median
from time import perf_counter

from tests.support.care import Member

from benchmarks.apps import DIARY
from benchmarks.crossing_tables import Crossings, Move, noticed
from benchmarks.crossing_tables import notes as notes_of
from benchmarks.markdown import number
from benchmarks.notes_load import USERS, WRITE
from benchmarks.open_loop import OpenLoop
from benchmarks.options import Options
from benchmarks.results import Finding, Table
from benchmarks.tenfold_site import TenfoldSite
from benchmarks.workplace import Workplace, check_workers

CROSSINGS = 20
QUICK = 1
LONGEST_SECONDS = 14_400.0
TOLD_EVERY = 2
THERE, BACK = ("grow", "--to", "1k"), ("reverse",)
HOW = """\
One open-loop load (`tenfold load`, Poisson arrivals, keep-alive clients, nothing retried) at the
first zone's edge runs from before the first move until after the last: reads, and writes with a
ledger. `tenfold grow --to 1k` and `tenfold reverse` take turns; the first also starts etcd and
makes the second copy of the database. No request is held by these moves. A failed request is one
without a whole answer of status 2xx."""
SPEC = f"""\
{USERS}
[[load.requests]]
name = "read"
weight = 2
path = "/notes"

[[load.requests]]
name = "write"
{WRITE}"""


def measure(options: Options, place: Workplace) -> Finding:
    """There and back, again and again."""
    count = options.crossings or (QUICK if options.quick else CROSSINGS)
    site = place.tenfold(DIARY)
    site.project.ok(*("up", "-d", "--stage", "100", "--port", str(site.project.port)), timeout=300)
    check_workers(site)
    server = Member(site.project, "db1").postmaster()
    run = Crossings(site.name)
    load = OpenLoop(
        SPEC,
        site.url,
        place.fresh("load"),
        rate=options.rate,
        duration_seconds=LONGEST_SECONDS,
        dsn=site.dsn(),
    )
    with load:
        try:
            for number, command in enumerate([THERE, BACK] * count, start=1):
                run.moves.append(_moved(site, command))
                load.check()
                if number % TOLD_EVERY == 0:
                    print(f"  {number} of {2 * count}", file=sys.stderr, flush=True)
        except (AssertionError, RuntimeError, subprocess.TimeoutExpired, TimeoutError) as error:
            run.failure = f"after {len(run.moves)}: {error}"
    assert load.report is not None
    run.report = load.report
    same = "the same" if Member(site.project, "db1").postmaster() == server else "**another one**"
    return Finding(
        name="crossings_1k",
        title=f"{len(run.moves):,} moves between 100 and 1k in a row under load",
        how=HOW,
        tables=(noticed((run,)), _seconds(run)),
        notes=(
            *notes_of((run,)),
            f"The database's main process is {same} after {len(run.moves)} moves.",
        ),
        raw={run.name: asdict(run)},
    )


def _moved(site: TenfoldSite, command: tuple[str, ...]) -> Move:
    began = perf_counter()
    report, _ = site.move(*command)
    parts = {step.kind: 0.0 for step in report.steps}
    for step in report.steps:
        parts[step.kind] += step.seconds
    return Move(command[0], perf_counter() - began, held=0.0, parts=parts)


def _seconds(run: Crossings) -> Table:
    """How long each step took: who did not notice."""
    names = list(dict.fromkeys(name for move in run.moves for name in move.parts))
    rows = []
    for name in names:
        for way in (THERE[0], BACK[0]):
            own = [m.parts[name] for m in run.moves if m.name == way and name in m.parts]
            if own:
                rows.append((way, name, number(median(own)), number(max(own))))
    return Table("Steps, s", ("", "step", "median", "longest"), tuple(rows))
