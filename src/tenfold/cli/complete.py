"""``tenfold complete``: give up the way back."""

from __future__ import annotations

import click

from tenfold.cli import restored
from tenfold.cli.base import Settings, command, yes_option
from tenfold.cli.moving import move
from tenfold.deployment import writes
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.launch import covers
from tenfold.errors import Refused
from tenfold.transitions import way


@command("complete")
@yes_option
def complete(settings: Settings, yes: bool) -> None:
    """Remove the old side of a move, and with it the way back. The only command of a move that
    deletes anything. After  db restore  it deletes the data of before.

    \b
    tenfold complete
    tenfold complete --yes
    """
    if restored.ends(settings, "complete", yes=yes):
        return
    if not yes:
        deployment = Deployment.existing(settings.layout())
        with writes.told(deployment):
            wanted = way.complete(deployment.position, deployment.crossing, deployment.ended_move)
        if not settings.output.live:
            raise Refused(
                "removing the way back wants a person, or --yes", next="tenfold complete --yes"
            )
        what = "This deletes the other copy of the database."
        if deployment.crossing is not None and covers(deployment.crossing):
            what = "This stops the app; its data stays." if wanted.final == "1" else ""
        click.confirm(
            f"{what} {deployment.status().title} stays at"
            f" stage {wanted.final}, and  reverse  is possible no more. Go on?",
            abort=True,
        )
    move(settings, "complete", way.complete)
