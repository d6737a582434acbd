"""``tenfold shrink``: back to an earlier stage, while users are there."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.moving import move, promised_by
from tenfold.stages import STAGES, require_built
from tenfold.transitions import way


@command("shrink")
@click.option("--to", "stage", type=click.Choice(STAGES), help="The stage to go back to.")
@click.option("--prepare-only", is_flag=True, help="Stop before the switch.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def shrink(settings: Settings, stage: str | None, prepare_only: bool, file: Path | None) -> None:
    """Move the running app back to an earlier stage, as live as it grew.

    For an app whose move was completed; before that,  reverse  goes back. With a FILE of  plan -o
    just that plan is carried out, or nothing if it would be another now.

    \b
    tenfold shrink --to 10
    tenfold shrink move.json
    """
    promised, stage = promised_by(file, stage, "shrink")
    require_built(stage)
    move(
        settings,
        "shrink",
        lambda at, crossing, _: way.grow(
            at,
            crossing,
            stage or way.previous_stage(at),
            now=time.time(),
            prepare_only=prepare_only,
        ),
        promised=promised,
        file=file,
    )
