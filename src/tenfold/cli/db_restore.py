"""``tenfold db restore``: back to a moment, beside what runs or where nothing runs."""

from __future__ import annotations

import os
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.past import past, shown
from tenfold.cli.progress import PlanProgress
from tenfold.cli.restored import tell as tell_ways
from tenfold.deployment import backups as keeping
from tenfold.deployment import restore as restoring
from tenfold.deployment import restore_in_place
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.restore import Choice, Outcome
from tenfold.spec import read

NEW = "new"


@command("restore")
@click.option(
    "--to",
    "to",
    metavar="TIME",
    default="latest",
    help='The moment: "14:30", "2026-11-26 14:30:05", "-45m" from now; latest.',
)
@click.option(
    "--into",
    metavar="DIR",
    help='A directory for a copy, or "new": the database of a deployment that has none.',
)
@click.option("--archive", metavar="NAME", help="Of an earlier database: tenfold db backups.")
def restore(settings: Settings, to: str, into: str | None, archive: str | None) -> None:
    """Bring the database back to a moment: in its place, as a copy, or for a new deployment.

    In its place, the site runs on while the data is brought back beside it; then requests wait for
    some seconds. The data of before is kept:  tenfold reverse  has it lead again,  tenfold complete
    deletes it. What was written behind that moment is in it alone. User files that are missing come
    back as they were at the copy; none is replaced or deleted.

    With --into DIR what runs is left alone: DIR gets the data directory, ready for PostgreSQL of
    the same version, and the user files. With --into new it becomes the database that the next
    tenfold up  starts, where there is none: on another machine, or after everything was lost. It
    takes tenfold.toml and the variables that [database.backup] names.

    \b
    tenfold db restore --to 14:30
    tenfold db restore --into /tmp/look --to 14:30
    tenfold db restore --into new
    """
    layout = settings.layout()
    spec = read.load(layout.spec, environment=layout.environment)
    target = past(to, datetime.now().astimezone())
    store, found = keeping.archives(spec, layout, os.environ)
    deployment = Deployment.open(layout)
    found = keeping.fresher(deployment, found, deployment.observe(silent=True))
    forks = partial(keeping.forks, spec, layout, os.environ, store)
    chosen = restoring.choose(found, target, archive=archive, place=store.place, forks=forks)
    output = settings.output
    moment = "the newest moment that there is" if target is None else shown(target)
    output.line(f"from backup {chosen.backup.id} in {store.place} to {moment}")
    output.event("chosen", {"backup": chosen.backup.id, "archive": chosen.lineage.name})

    def tell(text: str) -> None:
        output.event("progress", {"text": text})

    if into is None:
        with deployment.working("db restore"), PlanProgress(output) as progress:
            left = restore_in_place.begin(deployment, chosen, progress)
        tell_ways(settings, left)
        return
    with deployment.working("db restore"):
        if into == NEW:
            outcome = restoring.anew(deployment, spec, os.environ, chosen, tell)
        else:
            place = Path(into).absolute()
            outcome = restoring.into_directory(deployment, spec, os.environ, chosen, place, tell)
    _show(settings, chosen, outcome, into)


def _show(settings: Settings, chosen: Choice, outcome: Outcome, into: str) -> None:
    output = settings.output
    last = f", its last transaction of {outcome.last}" if outcome.last else ""
    output.line(f"  ✓ restored in {outcome.seconds:.1f} s{last}")
    for link in outcome.skipped:
        output.line(f"  ! {link} led out of the user files and was left out", style="yellow")
    output.event(
        "restored",
        {
            "place": str(outcome.place),
            "last_transaction": outcome.last,
            "segments": outcome.segments,
            "skipped": list(outcome.skipped),
        },
    )
    output.line()
    if into == NEW:
        output.line("Next   tenfold up")
        return
    output.line(
        f"The data directory is {outcome.place}/cluster, of PostgreSQL {chosen.backup.version}"
    )
