"""``tenfold report``: what transitions came to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment.reporting import folder
from tenfold.errors import UsageError
from tenfold.observe.report import store
from tenfold.observe.report.drills import waited
from tenfold.observe.report.figures import duration, milliseconds
from tenfold.observe.report.model import Report
from tenfold.observe.report.page import called
from tenfold.observe.report.text import full

OUTCOMES = {"done": "✓ done", "failed": "✗ failed", "backed-out": "✗ taken back"}


@command("report")
@click.argument("name", required=False)
def report(settings: Settings, name: str | None) -> None:
    """What a move between stages came to, or a drill.

    Without a name, lists the reports, the newest first; with one, or with "last", shows it and
    says where its page lies. The page needs nothing but a browser and may be passed on.

    \b
    tenfold report
    tenfold report last
    tenfold report 2026-11-25-153012-grow-100
    """
    reports = folder(settings.layout())
    if name is not None:
        _show(settings, reports, name)
    elif settings.json:
        found = [_told(reports, one, read) for one, read in _all(reports)]
        settings.output.object({"reports": found})
    else:
        _list(settings, reports)


def _show(settings: Settings, reports: Path, name: str) -> None:
    found, read = store.load(reports, name)
    page = str(store.page_of(reports, found))
    if settings.json:
        settings.output.object({"name": found, "page": page, "report": read.to_json()})
        return
    for line in full(read):
        settings.output.line(line)
    settings.output.line()
    settings.output.line(f"Page   {page}")


def _list(settings: Settings, reports: Path) -> None:
    rows = [_row(name, read) for name, read in _all(reports)]
    if not rows:
        settings.output.line("no report yet: each move between stages and each drill leaves one")
        return
    settings.output.columns(rows)
    settings.output.line()
    settings.output.line("Next   tenfold report last")


def _all(reports: Path) -> Iterator[tuple[str, Report | None]]:
    """Every name, with the report where it can be read."""
    for name in store.names(reports):
        try:
            yield store.load(reports, name)
        except UsageError:
            yield name, None


def _row(name: str, read: Report | None) -> tuple[str, ...]:
    if read is None:
        return (name, "", "", "cannot be read by this Tenfold")
    return (
        name,
        f"{read.command} {read.before} -> {read.after}" if read.drill is None else called(read),
        OUTCOMES[read.outcome],
        f"{duration(read.seconds)}, {_longest(read) if read.drill is None else waited(read.drill)}",
    )


def _longest(read: Report) -> str:
    if not read.holds:
        return "no request held"
    if read.waits is None:
        return "waits unknown"
    if not read.waits.count:
        return "no request waited"
    return f"longest wait {milliseconds(read.waits.longest_ms)}"


def _told(reports: Path, name: str, read: Report | None) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "page": str(store.page_of(reports, name))}
    if read is not None:
        told |= {
            "command": read.command,
            "before": read.before,
            "after": read.after,
            "began": read.began,
            "seconds": round(read.seconds, 3),
            "outcome": read.outcome,
            "longest_wait_ms": read.waits.longest_ms if read.waits and read.waits.count else None,
        }
    return told
