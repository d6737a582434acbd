"""``tenfold init``: look at the project and write ``tenfold.toml``."""

from __future__ import annotations

from dataclasses import asdict

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.errors import Ambiguous
from tenfold.spec.detect import Found, detect
from tenfold.spec.write import text, write


@command("init")
@click.option("--app", metavar="MODULE:ATTRIBUTE", help="Which app, where there are several.")
def init(settings: Settings, app: str | None) -> None:
    """Look at the project and write tenfold.toml. Never overwrites one, never runs your code.

    It knows apps of Django, FastAPI, Flask and others, and the generators of static sites Jekyll,
    Hugo, Next.js, Pelican and MkDocs.

    \b
    tenfold init
    tenfold init --app shop.main:app
    """
    output = settings.output
    found = _look(settings, app)
    path = write(found)
    if output.json:
        items = [asdict(item) for item in found.items]
        notes = [asdict(note) for note in found.notes]
        told = {"path": str(path), "app": found.app, "found": items, "notes": notes}
        output.object(told if found.site is None else {**told, "build": found.site[0]})
        return
    output.columns([("Found", item.what, f"({item.where})") for item in found.items], indent=0)
    output.columns([("Wrote", f"{path.name}", f"({_lines(found)} lines)")], indent=0)
    _notes(output, found)
    output.line()
    output.line("Next   tenfold up        (tenfold docs explains every key)")


def _look(settings: Settings, app: str | None) -> Found:
    try:
        return detect(settings.start, app=app)
    except Ambiguous as error:
        if not settings.output.live:
            raise
        chosen = click.prompt(
            "Which one is the app?",
            type=click.Choice(error.candidates),
            default=error.candidates[0],
        )
        return detect(settings.start, app=chosen)


def _lines(found: Found) -> int:
    return len(text(found).splitlines())


def _notes(output: Output, found: Found) -> None:
    if not found.notes:
        return
    output.line()
    many = len(found.notes)
    output.line("One thing to know" if many == 1 else f"{many} things to know")
    output.columns([(note.fact, note.then) for note in found.notes])
