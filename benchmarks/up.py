"""From the command to the first answer: with an empty directory, and with data that is there."""

from __future__ import annotations

from statistics import median

from benchmarks.apps import NOTES
from benchmarks.markdown import number
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding, Table
from benchmarks.sites import OURS, THEIRS, Parts, Site
from benchmarks.watcher import FirstAnswer
from benchmarks.workplace import Workplace, alternating, check_workers

COLD, WARM = "cold", "warm"
FORGOTTEN_SECONDS = 5.0
HOW = """\
A small FastAPI app with a table of its own, from starting the command (by hand: the script's
first step) to the first 200 through the edge, seen by a client that asks every 5 ms. *Cold* is an
empty directory: initdb, role and database, and on Tenfold's side the release with a copy of the
virtual environment, which the hand does without. *Warm* is the same after everything was stopped.
By hand: initdb with the same options, PostgreSQL, the app's processes at once, nginx, each as
soon as the one before answers, asked every 5 ms by a script that runs already. Tenfold's command
starts a Python first and writes down what it does, so that it can be interrupted anywhere."""


def measure(options: Options, place: Workplace) -> Finding:
    """Bring both sides up in turns."""
    answers: dict[tuple[str, str], list[float]] = {}
    parts: dict[tuple[str, str], list[Parts]] = {}
    notes: list[str] = []
    for turn in range(options.rounds_or(10)):
        ours = place.tenfold(NOTES)
        theirs = place.by_hand(NOTES)
        for site in alternating(ours, theirs, turn):
            for state in (COLD, WARM):
                first, took = _timed(site)
                notes += _forgotten(site, first)
                answers.setdefault((site.name, state), []).append(first.seconds)
                parts.setdefault((site.name, state), []).append(took)
            site.close()
    return Finding(
        name="up",
        title="`tenfold up -d` to the first 200",
        how=HOW,
        comparisons=tuple(
            Comparison(
                f"{state}, to the first 200",
                "s",
                tuple(answers[OURS, state]),
                tuple(answers[THEIRS, state]),
            )
            for state in (COLD, WARM)
        ),
        tables=tuple(_table(name, parts) for name in (OURS, THEIRS)),
        notes=tuple(notes),
        raw={f"{name} {state}": took for (name, state), took in parts.items()},
    )


def _timed(site: Site) -> tuple[FirstAnswer, Parts]:
    """Bring it up while a client asks, and down again."""
    with FirstAnswer(site.url + NOTES.health) as first:
        took = site.up()
    check_workers(site)
    site.down()
    return first, took


def _forgotten(site: Site, first: FirstAnswer) -> list[str]:
    if first.longest_refusal < FORGOTTEN_SECONDS:
        return []
    return [f"{site.name} let a client wait {first.longest_refusal:.1f} s in vain"]


def _table(name: str, parts: dict[tuple[str, str], list[Parts]]) -> Table:
    """Medians by part, in the order of the cold start."""
    names = dict.fromkeys(part for took in parts[name, COLD] for part in took)
    rows = tuple(
        (part, *(_cell(parts[name, state], part) for state in (COLD, WARM))) for part in names
    )
    return Table(
        f"Where the time goes, {name} (medians, s; parts may overlap)", ("part", COLD, WARM), rows
    )


def _cell(starts: list[Parts], part: str) -> str:
    found = [took[part] for took in starts if part in took]
    return number(median(found)) if found else ""
