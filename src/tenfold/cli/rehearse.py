"""``tenfold rehearse``: the move on a copy, before it is made."""

from __future__ import annotations

from dataclasses import asdict

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.cli.progress import PlanProgress
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.rehearse import Rehearsal
from tenfold.deployment.rehearse import rehearse as perform_rehearsal
from tenfold.deployment.rehearse import remove_copies as remove
from tenfold.errors import StepFailed
from tenfold.stages import STAGES, require_built
from tenfold.stages.path import stage_of
from tenfold.transitions import way

PATIENCE_SECONDS = 60.0
"""How long whoever removes a killed rehearsal's copy waits for a command that came in between."""


@command("rehearse")
@click.option("--to", "stage", type=click.Choice(STAGES), help="The stage to go to.")
@click.option("--remove-copies", is_flag=True, hidden=True, help="Only remove what is left.")
def rehearse(settings: Settings, stage: str | None, remove_copies: bool) -> None:
    """Make a move between stages on a copy of the app and its data, and back, with requests on it.

    The copy has hosts, addresses and a port of its own and is gone afterwards; the app goes on
    untouched. What it measures is what  plan  expects from then on. Without --to: the move to the
    next stage, and from the last one back.

    \b
    tenfold rehearse
    tenfold rehearse --to 100
    """
    require_built(stage)
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    if remove_copies:
        _remove_copies(deployment, output)
        return
    at = deployment.position
    target = stage or way.onward(at)
    with deployment.working("rehearse"), PlanProgress(output) as progress:
        found = perform_rehearsal(
            deployment, target, progress, lambda text: output.line(f"  · {text}", style="dim")
        )
    output.event("rehearsed", asdict(found))
    output.line()
    output.columns(_rows(found))
    output.line()
    if found.failed:
        raise StepFailed(
            f"{found.failed} of {found.requests} requests to the copy failed",
            changed="nothing: it was a copy",
        )
    verb = "grow" if STAGES.index(target) > STAGES.index(stage_of(at)) else "shrink"
    output.line(f"Next   tenfold plan --to {target}    ·    tenfold {verb} --to {target}")


def _remove_copies(deployment: Deployment, output: Output) -> None:
    """Whoever rehearsed was killed."""
    hold = deployment.lock.hold(
        "tenfold rehearse", despite_reservation=True, wait_seconds=PATIENCE_SECONDS
    )
    with hold:
        remove(deployment.layout, output.line)


def _rows(found: Rehearsal) -> list[tuple[str, ...]]:
    return [
        ("there", f"requests waited for at most {found.there_seconds * 1000:.0f} ms"),
        ("back", f"requests waited for at most {found.back_seconds * 1000:.0f} ms"),
        (
            "requests",
            f"{found.requests} to the copy, {found.failed} failed, the longest took"
            f" {found.longest_seconds * 1000:.0f} ms",
        ),
        ("in all", f"{found.seconds:.0f} s; nothing of the copy is left"),
    ]
