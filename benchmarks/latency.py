"""How long requests take at a rate that the site can bear, without coordinated omission."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.apps import CONDUIT_APP, NOTES, App
from benchmarks.figures import Goal
from benchmarks.open_loop import OpenLoop
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding
from benchmarks.sites import OURS, THEIRS, Site
from benchmarks.workplace import Workplace, alternating

RATES = {NOTES.name: 200.0, CONDUIT_APP.name: 60.0}
LENGTH_SECONDS = 15.0
# What 95 % of the same by hand is for a time. A longest time is one request's: no goal.
GOAL = Goal(at_most=1.053)
GOALS = {"p50": GOAL, "p99": GOAL, "max": None}
HOW = f"""\
`tenfold load`: an open loop with Poisson arrivals, each latency counted from when its request was
due. {LENGTH_SECONDS:.0f} s a side and round at {RATES[NOTES.name]:.0f} requests a second (`GET
/hello`) and {RATES[CONDUIT_APP.name]:.0f} (`GET /api/articles`), a fraction of what the site can
do, both sides up, one loaded; set-up otherwise as for the requests per second. The generator is
written in Python and shares the cores, so absolute figures are upper bounds. *(worst)* in the
table is that of the rounds."""
SPEC = """\
[load]
ramp = "1s"
arrivals = "poisson"

[[load.requests]]
path = "{path}"
"""


def measure(options: Options, place: Workplace) -> Finding:
    """Load both sides in turns, app after app."""
    comparisons: list[Comparison] = []
    notes: list[str] = []
    raw: dict[str, Any] = {}
    for app in (NOTES, CONDUIT_APP):
        ours, theirs = place.pair(app)
        reports: dict[str, list[dict[str, Any]]] = {OURS: [], THEIRS: []}
        for turn in range(options.rounds_or(8)):
            for site in alternating(ours, theirs, turn):
                reports[site.name].append(_one(site, app, place, options))
        ours.close()
        theirs.close()
        comparisons += [_comparison(app, p, reports) for p in GOALS]
        notes += _notes(app, reports)
        raw[app.name] = reports
    return Finding(
        name="latency",
        title="Latency at a constant rate",
        how=HOW,
        comparisons=tuple(comparisons),
        notes=tuple(notes),
        raw=raw,
    )


def _one(site: Site, app: App, place: Workplace, options: Options) -> dict[str, Any]:
    load = OpenLoop(
        SPEC.format(path=app.path),
        site.url,
        place.fresh("load"),
        rate=RATES[app.name],
        duration_seconds=options.seconds(LENGTH_SECONDS) + 1.0,
    )
    with load:
        load.to_its_end()
    assert load.report is not None
    return load.report


def _comparison(app: App, percentile: str, reports: dict[str, list[dict[str, Any]]]) -> Comparison:
    def values(name: str) -> tuple[float, ...]:
        return tuple(r["overall"]["latency_ms"][percentile] for r in reports[name])

    what = f"GET {app.path}: {percentile}"
    return Comparison(what, "ms", values(OURS), values(THEIRS), goal=GOALS[percentile])


def _notes(app: App, reports: dict[str, list[dict[str, Any]]]) -> list[str]:
    every = [report for side in reports.values() for report in side]
    share = median(report["generator"]["cpu_share"] for report in every)
    late = max(report["generator"]["lateness_ms"]["p99"] for report in every)
    notes = [
        f"GET {app.path}: the generator used {share:.0%} of a core; in its worst round it sent 1 % "
        f"of the requests more than {late:.1f} ms late, which is in the figures."
    ]
    for name, side in reports.items():
        if failed := sum(report["overall"]["failed"] for report in side):
            notes.append(f"GET {app.path}, {name}: {failed} requests failed.")
    notes += sorted({warning for report in every for warning in report["warnings"]})
    return notes
