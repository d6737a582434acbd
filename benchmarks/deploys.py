"""Deploys in a row under load, beside restarts by a careful hand under the same load."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter

from benchmarks.apps import NOTES
from benchmarks.deploy_tables import SLOW_ANSWER, SLOW_SECONDS, Run, kinds, notes, noticed
from benchmarks.notes_load import USERS, WRITE
from benchmarks.open_loop import OpenLoop
from benchmarks.options import Options
from benchmarks.results import Finding
from benchmarks.sites import Site
from benchmarks.workplace import Workplace

DEPLOYS, RESTARTS, ROLLBACKS = 200, 20, 10
QUICK = 3
LONGEST_SECONDS = 7200.0
TOLD_EVERY = 10
HOW = f"""\
One open-loop load (`tenfold load`, Poisson arrivals, keep-alive clients, nothing retried) runs
from before the first deploy until after the last: reads, writes with a ledger, uploads of 256 KiB
sent over a second, and answers that take {SLOW_SECONDS} s. Each deploy is a release of its own,
with a changed file, built, warmed, switched to and drained, by `tenfold deploy`; then {ROLLBACKS}
rollbacks. By hand, under the same load: the next uvicorn processes start on the socket that the
last ones accept on, and once they say that they accept, the last get SIGTERM, as process managers
do it; nothing is built and nothing is checked. A failed request is one without a whole answer of
status 2xx."""
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
name = "upload"
weight = 0.5
method = "POST"
path = "/upload"
upload = {{ size = "256KiB", over = "1s" }}

[[load.requests]]
name = "{SLOW_ANSWER}"
weight = 0.5
path = "/slow?seconds={SLOW_SECONDS}"
"""


def measure(options: Options, place: Workplace) -> Finding:
    """Load and renew one side, then the other."""
    ours = place.tenfold(NOTES)
    deploys = options.deploys or (QUICK if options.quick else DEPLOYS)
    rollbacks = min(ROLLBACKS, deploys - 1)
    mine = _under_load(ours, place, options, deploys, [ours.rollback] * rollbacks)
    ours.close()
    theirs = place.by_hand(NOTES)
    restarts = options.restarts or (QUICK if options.quick else RESTARTS)
    other = _under_load(theirs, place, options, restarts, [])
    theirs.close()
    runs = (mine, other)
    return Finding(
        name="deploys",
        title=f"{len(mine.renewals):,} deploys in a row under load",
        how=HOW,
        tables=(noticed(runs), kinds(runs)),
        notes=tuple(notes(runs)),
        raw={run.name: asdict(run) for run in runs},
    )


def _under_load(
    site: Site,
    place: Workplace,
    options: Options,
    renewals: int,
    rollbacks: list[Callable[[], None]],
) -> Run:
    site.up()
    run = Run(site.name)
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
            for turn in range(1, renewals + 1):
                run.renewals.append(_timed(lambda n=turn: site.renew(str(n))))
                load.check()
                if turn % TOLD_EVERY == 0:
                    print(f"  {site.name}: {turn} of {renewals}", file=sys.stderr, flush=True)
            run.rollbacks += [_timed(rollback) for rollback in rollbacks]
        except (AssertionError, TimeoutError) as error:
            run.failure = f"{site.name}, after {len(run.renewals)}: {error}"
    assert load.report is not None
    run.report = load.report
    return run


def _timed(work: Callable[[], None]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
