"""``tenfold metrics``: the short history of the site's figures."""

from __future__ import annotations

import difflib
from datetime import datetime

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.past import at
from tenfold.deployment import figures
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused, UsageError
from tenfold.metrics.history import Series
from tenfold.metrics.points import NAMES
from tenfold.observe import trend

ROWS = 40
NAME_WIDTH = 24


@command("metrics")
@click.argument("name", required=False)
@click.option("--since", metavar="TIME", default="1h", help='"2h" or "7d" ago, "14:30"; 1h.')
@click.option("--until", metavar="TIME", help="Until then; now.")
def metrics(settings: Settings, name: str | None, since: str, until: str | None) -> None:
    """How the site's figures went: all at a glance, or one by the moment.

    They are kept where tenfold.toml has [metrics]: every ten seconds for two hours, every five
    minutes for two weeks. Prometheus finds all there is at /metrics; `tenfold status` says where.

    \b
    tenfold metrics
    tenfold metrics p95_ms --since 2h
    tenfold metrics requests --since 7d --json
    """
    if name is not None and name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else "tenfold metrics    shows all"
        raise UsageError(f"there is no figure {name}", next=hint)
    deployment = Deployment.existing(settings.layout(), stale=True)
    now = datetime.now().astimezone()
    begin = at(since, now)
    end = at(until, now) if until else now.timestamp()
    if begin >= end:
        raise UsageError("that is no time at all: --until comes before --since")
    names = [name] if name else list(NAMES)
    found = figures.read(deployment, names, begin, end)
    if not any(series.points for series in found.values()):
        if deployment.spec().metrics is None:
            raise Refused(
                "no figures are kept", next="write [metrics] into tenfold.toml, then  tenfold up"
            )
        raise Refused("nothing is known of that time", next="tenfold status    says who gathers")
    if settings.json:
        for series in found.values():
            for when, value in series.points:
                settings.output.object({"name": series.name, "at": when, "value": value})
        return
    if name is None:
        _glance(settings, found, begin, end)
    else:
        _one(settings, found[name])


def _glance(settings: Settings, found: figures.Found, begin: float, end: float) -> None:
    rows: list[tuple[str, ...]] = []
    for name, series in found.items():
        told = trend.summary(series)
        if told is None:
            continue
        last, mean, most = (trend.shown(name, v) for v in (told.last, told.mean, told.most))
        bars = trend.line(series, begin, end)
        rows.append((name, bars, f"now {last}", f"mean {mean}", f"max {most}"))
    settings.output.columns(rows)


def _one(settings: Settings, series: Series) -> None:
    settings.output.line(f"{series.name}: {NAMES[series.name]}")
    settings.output.line()
    points = trend.thinned(series, ROWS)
    most = max(value for _, value in points)
    for moment, value in points:
        when = datetime.fromtimestamp(moment).strftime("%m-%d %H:%M:%S")
        bar = "█" * round(value / most * NAME_WIDTH) if most > 0 else ""
        settings.output.line(f"  {when}  {trend.shown(series.name, value):>10}  {bar}".rstrip())
