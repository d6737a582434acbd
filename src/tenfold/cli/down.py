"""``tenfold down``: stop everything; the data stays unless its name is given."""

from __future__ import annotations

from dataclasses import asdict

import click

from tenfold.cli import unmended
from tenfold.cli.base import Settings, command, yes_option
from tenfold.cli.output import Output
from tenfold.cli.progress import PlanProgress
from tenfold.cli.wording import user_files
from tenfold.deployment import external
from tenfold.deployment.delete import delete_everything, finish
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.journal import is_half_deleted, require_not_lost
from tenfold.errors import Refused
from tenfold.state.layout import Layout, title


@command("down")
@click.option(
    "--delete-data", is_flag=True, help="Also delete database, user files, releases and journal."
)
@yes_option
def down(settings: Settings, delete_data: bool, yes: bool) -> None:
    """Stop the app, its database and the edge. The data stays.

    \b
    tenfold down
    tenfold down --delete-data
    """
    layout = settings.layout()
    output = settings.output
    if delete_data and is_half_deleted(layout):
        name = title(layout.project.name, layout.environment)
        if not yes:
            _confirm(settings, name, "", None)
        finish(layout)
        output.event("down", {"stopped": False, "deleted": True, "storage": []})
        output.line(f"everything of {name} is deleted")
        return
    if not layout.exists():
        require_not_lost(layout)
        output.line("nothing runs: this app was never brought up")
        output.event("down", {"stopped": False})
        return
    deployment = Deployment.existing(layout, stale=True)
    name = deployment.status().title
    stored = [asdict(kept) for kept in deployment.user_files()] if delete_data else []
    place = external.was(deployment.facts())
    yours = place if place not in (None, external.OWN) else None
    if delete_data and not yes:
        _confirm(settings, name, user_files(stored), yours)
    with deployment.working("down", unmended.telling(output)):
        _without_copies(layout, output)
        with PlanProgress(output) as progress:
            stopped = deployment.down(progress)
        if delete_data:
            delete_everything(deployment)
    output.event("down", {"stopped": stopped, "deleted": delete_data, "storage": stored})
    if delete_data:
        output.line(f"everything of {name} is deleted")
        if stored:
            output.line(f"with it the user files: {user_files(stored)}")
        if yours:
            output.line(f"your own database {yours} was not touched")
    elif stopped:
        output.line()
        output.line("Next   tenfold up    brings it back with all its data")
    else:
        output.line(f"{name} did not run")


def _without_copies(layout: Layout, output: Output) -> None:
    """A rehearsal that was killed, with whoever stood by for it, has left one."""
    if layout.rehearsals.exists():
        from tenfold.deployment.rehearse import remove_copies  # half a second, else for nothing

        remove_copies(layout, output.line)


def _confirm(settings: Settings, name: str, stored: str, yours: str | None) -> None:
    if not settings.output.live:
        raise Refused(
            "deleting all data wants a person, or --yes", next="tenfold down --delete-data --yes"
        )
    files = f", all user files ({stored})" if stored else ""
    spared = f" Your own database {yours} stays as it is." if yours else ""
    typed = click.prompt(
        f"This deletes the database that Tenfold keeps of {name}{files} and all its releases."
        f"{spared} Type its name to go on",
        default="",
        show_default=False,
    )
    if typed != name:
        raise Refused(f"{typed!r} is not {name!r}; nothing was stopped or deleted")
