"""``tenfold alerts``: what is wrong right now, what was told, and whether telling works."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.deployment import alerts as standing
from tenfold.deployment.alerts import Standing
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused, StepFailed
from tenfold.observe.report.figures import duration

SHOWN = 10


@command("alerts")
@click.argument("action", type=click.Choice(["show", "test"]), default="show")
def alerts(settings: Settings, action: str) -> None:
    """What is wrong right now, and what was told last; or send a test.

    Alerts are raised where tenfold.toml has [alerts]: each one is told once, and once when it is
    over. What cannot be told is tried again for a day.

    \b
    tenfold alerts
    tenfold alerts test
    """
    deployment = Deployment.existing(settings.layout(), stale=True)
    if action == "test":
        _test(settings.output, standing.test(deployment))
        return
    found = standing.read(deployment)
    if found is None:
        if deployment.spec().alerts is None:
            raise Refused(
                "nobody is told of anything",
                next="write [alerts] into tenfold.toml, then  tenfold up",
            )
        found = Standing((), (), (), 0)
    _show(settings.output, found)


def _test(output: Output, attempts: tuple[Mapping[str, Any], ...]) -> None:
    failed = [one for one in attempts if one["why"] is not None]
    for one in attempts:
        output.event("test", {"to": one["to"], "arrived": one["why"] is None, "why": one["why"]})
        sign, told = ("✗", f"failed: {one['why']}") if one["why"] else ("✓", "took it")
        output.line(f"  {sign} {one['to']:<8} {told}")
    if failed:
        raise StepFailed(
            f"the test did not reach {' and '.join(one['to'] for one in failed)}",
            changed="it is tried again, as an alert would be",
            next="correct [alerts] in tenfold.toml, then  tenfold up",
        )


def _show(output: Output, found: Standing) -> None:
    now = time.time()
    if output.json:
        output.object(
            {
                "firing": [asdict(alert) for alert in found.firing],
                "waiting": [{**one, "message": dict(one["message"])} for one in found.waiting],
                "told": [dict(one) for one in found.done],
                "lost": found.lost,
            }
        )
        return
    if not found.firing:
        output.line("nothing is wrong that alerts know of")
    for alert in found.firing:
        since = duration(max(0.0, now - alert.since))
        output.line(f"  ✗ {alert.what}", style="yellow")
        output.line(f"    {alert.subject}, since {since}. Next: {alert.next}")
    for one in found.waiting:
        if one["attempts"]:
            output.line(
                f"  ! {one['to']} was tried {one['attempts']} x and not reached: {one['why']}",
                style="yellow",
            )
    if found.done:
        output.line()
    for one in found.done[-SHOWN:]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["at"]))
        gave_up = f"  (given up: {one['why']})" if one["why"] else ""
        output.line(f"  {when}  {one['to']:<8} {one['text']}{gave_up}", literal=True)
