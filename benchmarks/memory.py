"""Resident memory of each unit while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from benchmarks.apps import CONDUIT_APP, NOTES, App
from benchmarks.markdown import number
from benchmarks.options import Options
from benchmarks.processes import pss_mib
from benchmarks.results import Comparison, Finding, Table
from benchmarks.sites import OURS, THEIRS, Site
from benchmarks.watcher import answers
from benchmarks.workplace import Workplace, alternating, check_workers

UNITS = ("app", "edge", "postgres")
WARMING_REQUESTS = 200
REST_SECONDS = 5.0
HOW = f"""\
Proportional set size (PSS) of each unit's processes in MiB, a page that *n* processes share
counting 1/*n* for each; {WARMING_REQUESTS} requests and {REST_SECONDS:.0f} s of rest after the
start, one side up at a time. *agent* is what watches the units: the agent and its keeper; the
hand has nothing there. With PostgreSQL the app's connections are included."""


def measure(options: Options, place: Workplace) -> Finding:
    """Weigh both sides in turns, freshly started each time."""
    comparisons: list[Comparison] = []
    rows: list[tuple[str, str]] = []
    raw: dict[str, object] = {}
    for app in (NOTES, CONDUIT_APP):
        ours, theirs = place.tenfold(app), place.by_hand(app)
        weights: dict[str, list[Mapping[str, float]]] = {OURS: [], THEIRS: []}
        for turn in range(options.rounds_or(6)):
            for site in alternating(ours, theirs, turn):
                weights[site.name].append(_weighed(site, app, options))
        raw[app.name] = weights
        comparisons += _comparisons(app, weights[OURS], weights[THEIRS])
        agent = median(weighed["agent"] for weighed in weights[OURS])
        rows.append((app.name, number(agent)))
        ours.close()
        theirs.close()
    return Finding(
        name="memory",
        title="Resident memory at idle, by unit",
        how=HOW,
        comparisons=tuple(comparisons),
        tables=(Table("The agent and its keeper (median)", ("app", "MiB"), tuple(rows)),),
        raw=raw,
    )


def _weighed(site: Site, app: App, options: Options) -> dict[str, float]:
    """Up, warmed, at rest, weighed, down again."""
    site.up()
    check_workers(site)
    for _ in range(WARMING_REQUESTS):
        if not answers(site.url + app.path):
            raise RuntimeError(f"{site.name}: {app.path} does not answer 200")
    time.sleep(options.seconds(REST_SECONDS))  # idle is a length of time, not a condition
    weights = {unit: pss_mib(pids) for unit, pids in site.units().items()}
    site.down()
    return weights


def _comparisons(
    app: App, ours: list[Mapping[str, float]], theirs: list[Mapping[str, float]]
) -> list[Comparison]:
    found = [
        Comparison(
            f"{app.name}: {unit}",
            "MiB",
            tuple(weights[unit] for weights in ours),
            tuple(weights[unit] for weights in theirs),
        )
        for unit in UNITS
    ]
    whole = Comparison(
        f"{app.name}: everything, the agent too",
        "MiB",
        tuple(sum(weights.values()) for weights in ours),
        tuple(sum(weights.values()) for weights in theirs),
    )
    return [*found, whole]
