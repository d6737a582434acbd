"""``tenfold resume``: go on with what was cut off."""

from __future__ import annotations

import click

from tenfold.cli import host as hosting
from tenfold.cli import restored
from tenfold.cli.base import Settings, command
from tenfold.cli.moving import move
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import hosts
from tenfold.deployment.cross import Journey
from tenfold.deployment.deployment import Deployment
from tenfold.transitions import way


@command("resume")
@click.option("--let-go", is_flag=True, hidden=True, help="Only let requests go on.")
def resume(settings: Settings, let_go: bool) -> None:
    """Go on with a move between stages, a restore or a host's, that was cut off, from where it is.

    \b
    tenfold resume
    """
    if let_go:
        _let_go(settings)
        return
    if restored.goes_on(settings, "resume") or hosting.goes_on(settings, "resume"):
        return
    move(settings, "resume", way.resume, running=False)


def _let_go(settings: Settings) -> None:
    """Whoever made requests wait was killed."""
    deployment = Deployment.existing(settings.layout(), stale=True)
    with (
        deployment.lock.hold("tenfold resume", despite_reservation=True, wait_seconds=5.0),
        PlanProgress(settings.output) as progress,
    ):
        try:
            hosts.let_go(deployment)
        finally:
            Journey(deployment, progress).recover()
