"""Requests per second at full load, and what each request costs in processor time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks import wrk
from benchmarks.apps import CONDUIT_APP, NOTES, App
from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.processes import busy_seconds
from benchmarks.results import Comparison, Finding
from benchmarks.sites import OURS, THEIRS, Site
from benchmarks.workplace import Workplace, alternating

GOAL = Goal(at_least=0.95)
CLOSED, WARMING = 5.0, 3.0
RESTART_EVERY = 2
UNITS = ("app", "edge", "postgres")
HOW = f"""\
wrk with {wrk.CONNECTIONS} kept-alive connections and one thread, {CLOSED:.0f} s a side and round,
both sides up, one loaded, both started anew and warmed after every {RESTART_EVERY} rounds,
because one start of the same program differs from the next by a few percent. Through the edge, on
both sides the same nginx, uvicorn and PostgreSQL binaries, a worker per core; by hand with a
tuned nginx.conf (kept-alive upstream connections, buffered access log, compression), plain
uvicorn processes on one socket, and the same PostgreSQL memory settings. Processor time is the
kernel's account of what each unit's processes used per answered request: it tells more than
requests per second where wrk shares the cores with the site. `GET /hello` does nothing; `GET
/api/articles` is examples/conduit with its seeded content."""


@dataclass(frozen=True, slots=True)
class Round:
    """One burst on one side, with the processor time of each unit in microseconds per request."""

    burst: wrk.Burst
    cpu_us: Mapping[str, float]


def measure(options: Options, place: Workplace) -> Finding:
    """Load both sides in turns, app after app."""
    title = "Requests per second at full load"
    if not wrk.available():
        return Finding("throughput", title, HOW, notes=(wrk.HOW_TO_GET,))
    comparisons: list[Comparison] = []
    notes: list[str] = []
    raw: dict[str, object] = {}
    for app in (NOTES, CONDUIT_APP):
        ours, theirs = place.pair(app)
        rounds = _rounds(app, ours, theirs, options)
        ours.close()
        theirs.close()
        comparisons += _comparisons(app, rounds[OURS], rounds[THEIRS])
        notes += _notes(app, rounds)
        raw[app.name] = {n: [dataclasses.asdict(r) for r in rs] for n, rs in rounds.items()}
    return Finding("throughput", title, HOW, tuple(comparisons), notes=tuple(notes), raw=raw)


def _rounds(app: App, ours: Site, theirs: Site, options: Options) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {OURS: [], THEIRS: []}
    for turn in range(options.rounds_or(12)):
        for site in (ours, theirs):
            if turn and turn % RESTART_EVERY == 0:
                site.down()
                site.up()
            if turn % RESTART_EVERY == 0:
                wrk.burst(site.url + app.path, options.seconds(WARMING))
        for site in alternating(ours, theirs, turn):
            rounds[site.name].append(_one(site, app, options.seconds(CLOSED)))
    return rounds


def _one(site: Site, app: App, seconds: float) -> Round:
    before = {unit: (list(pids), busy_seconds(pids)) for unit, pids in site.units().items()}
    began = perf_counter()
    burst = wrk.burst(site.url + app.path, seconds)
    answered = burst.per_second * (perf_counter() - began)
    used = {unit: busy_seconds(pids) - busy for unit, (pids, busy) in before.items()}
    return Round(burst, {unit: 1e6 * s / answered for unit, s in used.items()})


def _comparisons(app: App, ours: list[Round], theirs: list[Round]) -> list[Comparison]:
    def values(rounds: list[Round], unit: str) -> tuple[float, ...]:
        return tuple(r.cpu_us[unit] for r in rounds)

    speed = Comparison(
        f"GET {app.path}",
        "requests/s",
        tuple(r.burst.per_second for r in ours),
        tuple(r.burst.per_second for r in theirs),
        more_is_better=True,
        goal=GOAL,
    )
    used = [u for u in UNITS if median(values(theirs, u)) >= 1.0]
    costs = [
        Comparison(f"GET {app.path}: processor time, {u}", "µs", values(ours, u), values(theirs, u))
        for u in used
    ]
    return [speed, *costs]


def _notes(app: App, rounds: Mapping[str, list[Round]]) -> list[str]:
    every = [r.burst for side in rounds.values() for r in side]
    notes = [f"GET {app.path}: wrk itself used {median(b.cpu_share for b in every):.0%} of a core."]
    if any(b.cpu_share > 0.9 for b in every):
        notes.append(f"GET {app.path}: wrk was the bottleneck in a round; do not quote these.")
    for name, side in rounds.items():
        if failed := sum(r.burst.errors for r in side):
            notes.append(f"GET {app.path}, {name}: {failed} answers were not 200.")
    return notes
