"""How a restore in place goes on: ``resume``, ``abort``, ``reverse`` and ``complete`` of one."""

from __future__ import annotations

import click

from tenfold.cli.base import Settings
from tenfold.cli.progress import PlanProgress
from tenfold.cli.status import AFTER_RESTORE
from tenfold.deployment import restore_in_place
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused
from tenfold.transitions.restoring import Restore, choices


def goes_on(settings: Settings, command: str) -> bool:
    """Carry the command out on a restore, if one is open."""
    deployment = Deployment.existing(settings.layout())
    if restore_in_place.open_one(deployment) is None:
        return False
    with deployment.working(command), PlanProgress(settings.output) as progress:
        left = restore_in_place.go_on(deployment, command, progress)
    tell(settings, left)
    return True


def ends(settings: Settings, command: str, *, yes: bool) -> bool:
    """The same for ``complete``, which a person has to agree to."""
    deployment = Deployment.existing(settings.layout())
    if restore_in_place.open_one(deployment) is None:
        return False
    if not yes:
        if not settings.output.live:
            raise Refused(
                "deleting the other data wants a person, or --yes", next="tenfold complete --yes"
            )
        click.confirm(
            "This deletes the data that the database does not run on, and  reverse  is possible no"
            " more. Go on?",
            abort=True,
        )
    return goes_on(settings, command)


def tell(settings: Settings, left: Restore | None) -> None:
    """What is possible next."""
    output = settings.output
    output.event("done", {"restore": left.to_json() if left else None})
    if left is None:
        return
    output.line()
    for index, choice in enumerate(choices(left)):
        label = "Next" if index == 0 else ""
        output.line(f"{label:<6} tenfold {choice:<12} {AFTER_RESTORE[choice]}")
