"""``tenfold journal``: where the journal is, and what to do when etcd has lost it."""

from __future__ import annotations

import time
from typing import Any

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.errors import JournalError, Refused
from tenfold.transitions.journal import MovableJournal


@command("journal")
@click.argument("action", type=click.Choice(["show", "restore"]), default="show")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--over-another",
    is_flag=True,
    help="Restore although etcd has another journal of this name, which is lost then.",
)
def journal(settings: Settings, action: str, yes: bool, over_another: bool) -> None:
    """Where the journal is: what was planned and done.

    Up to stage 100 it is a file; from 1k on it is in etcd, and the file a copy of it. When etcd has
    lost its data, "restore" makes that copy the journal again.

    \b
    tenfold journal
    tenfold journal restore
    """
    deployment = Deployment.existing(settings.layout(), stale=True)
    found = deployment.journal
    if action == "restore":
        place = found.place
        if place is None:
            raise Refused("the journal is its file: there is nothing to restore")
        _agree(settings, found, yes, over_another=over_another)
        with deployment.working("journal restore"):
            found.restore(place, over_another=over_another)
    told = _told(found)
    settings.output.event("journal", told)
    _show(told, settings.output)


def _agree(settings: Settings, found: MovableJournal, yes: bool, *, over_another: bool) -> None:
    if yes:
        return
    if not settings.output.live:
        raise Refused(
            "restoring the journal wants a person, or --yes", next="tenfold journal restore --yes"
        )
    other = " Another journal that etcd has in its place is lost, whosever it is." * over_another
    click.confirm(
        f"This makes the copy as of {_at(found.file.copied())} the journal: what was begun or done"
        f" since is forgotten.{other} Go on?",
        abort=True,
    )


def _told(found: MovableJournal) -> dict[str, Any]:
    place = found.place
    if place is None:
        return {"in": "file"}
    problem = None
    try:
        found.check()
    except JournalError as error:
        problem = error.what
    copied = found.file.copied()
    return {"in": "etcd", "urls": list(place.urls), "problem": problem, "copied": copied}


def _show(told: dict[str, Any], output: Output) -> None:
    if told["in"] == "file":
        output.line("the journal is .tenfold/journal.db")
        return
    output.line(f"the journal is in etcd, at {', '.join(told['urls'])}")
    if told["problem"]:
        output.line(f"it cannot be read: {told['problem']}", style="yellow")
    output.line(f".tenfold/journal.db is a copy of it, as of {_at(told['copied'])}")


def _at(seconds: float | None) -> str:
    if seconds is None:
        return "no time"
    return time.strftime("%H:%M:%S on %d %B %Y", time.localtime(seconds))
