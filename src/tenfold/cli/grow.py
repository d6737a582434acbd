"""``tenfold grow``: to the next stage, while users are there."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.moving import move, promised_by
from tenfold.stages import STAGES, require_built
from tenfold.transitions import way


@command("grow")
@click.option("--to", "stage", type=click.Choice(STAGES), help="The stage to grow to.")
@click.option("--prepare-only", is_flag=True, help="Stop before the switch.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def grow(settings: Settings, stage: str | None, prepare_only: bool, file: Path | None) -> None:
    """Move the running app to the next stage. No request fails, no write is lost.

    With a FILE of  plan -o  just that plan is carried out, or nothing if it would be another now.

    Copies and prepares while users go on, then lets requests wait for some tenths of a second
    while the switch is made. Nothing is deleted: the old side follows the new one, and  reverse
    takes the switch back until  complete  removes the old side.

    \b
    tenfold grow --to 10
    tenfold grow --to 100
    tenfold grow --to 100 --prepare-only
    tenfold grow move.json
    """
    promised, stage = promised_by(file, stage, "grow")
    require_built(stage)
    move(
        settings,
        "grow",
        lambda at, crossing, _: way.grow(
            at, crossing, stage or way.next_stage(at), now=time.time(), prepare_only=prepare_only
        ),
        promised=promised,
        file=file,
    )
