"""``tenfold publish``: a folder of static files, where people find it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tenfold.cli.base import CHANGES_PENDING, Settings, command
from tenfold.cli.live_line import LiveLine
from tenfold.cli.output import Output
from tenfold.cli.past import shown
from tenfold.deployment.exporting import DEFAULT_FOLDER, default_folder
from tenfold.errors import Interrupted, UsageError
from tenfold.publishing import words, work
from tenfold.publishing.model import Publication, Standing
from tenfold.publishing.opening import opened
from tenfold.publishing.place import Place
from tenfold.publishing.workflow import PATH
from tenfold.publishing.workflow import workflow as made
from tenfold.release import git
from tenfold.spec import read
from tenfold.spec.publish import GITHUB
from tenfold.state.layout import Layout

BEFORE = "the one before"


class PublishProgress(LiveLine):
    """A :class:`tenfold.publishing.place.Listener` for people and for programs."""

    def sent(self, files: int, of: int) -> None:
        """See the protocol."""
        self._going_on(f"sent {files:,} of {of:,} files", "sent ", {"files": files, "of": of})


@command("publish")
@click.option(
    "--from",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder of files; default: [publish] from, which is dist.",
)
@click.option("--dry-run", is_flag=True, help="Only list what would change.")
@click.option("--list", "listing", is_flag=True, help="Only list what can be put back.")
@click.option(
    "--back",
    metavar="[ID]",
    is_flag=False,
    flag_value=BEFORE,
    help="Put the publication before back, or the one of that id.",
)
@click.option(
    "--take-over", is_flag=True, help="Also where something is that Tenfold did not publish."
)
@click.option(
    "--workflow", is_flag=True, help="Print the workflow file with which GitHub publishes itself."
)
@click.option("--verbose", is_flag=True, help="Name every file.")
def publish(
    settings: Settings,
    folder: Path | None,
    dry_run: bool,
    listing: bool,
    back: str | None,
    take_over: bool,
    workflow: bool,
    verbose: bool,
) -> None:
    """Publish a folder of static files. Only what changed travels.

    Where to is said in [publish] of tenfold.toml: a branch for GitHub Pages, Netlify, a bucket, or
    a directory over SSH. What is published already is served until the new site is there.

    Exit code of --dry-run: 0: nothing would change; 2: something would.

    \b
    tenfold publish --dry-run
    tenfold publish
    tenfold publish --from public
    tenfold publish --list
    tenfold publish --back
    tenfold publish --workflow > .github/workflows/pages.yml
    """
    _require_one(dry_run=dry_run, list=listing, back=back is not None, workflow=workflow)
    layout = settings.layout()
    if workflow:
        _print_workflow(layout, settings.output)
        return
    with (
        _interruptible(),
        opened(layout, os.environ) as (spec, place),
        PublishProgress(settings.output) as progress,
    ):
        assert spec.publish is not None
        if listing:
            _list(place, progress, settings.output)
        elif back is not None:
            _back(place, progress, settings.output, back, take_over)
        else:
            source = folder or layout.project / _folder(layout, spec.publish.folder)
            todo = _planned(place, source, progress)
            if dry_run:
                progress.pause()
                _show(place, todo, settings.output, verbose)
                pending = not todo.empty
            else:
                _publish(place, todo, progress, settings.output, take_over)
                pending = False
            if pending:
                sys.exit(CHANGES_PENDING)


def _folder(layout: Layout, named: str) -> str:
    """What is published where nobody says it: the export of the same environment."""
    return default_folder(layout) if named == DEFAULT_FOLDER else named


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("publish") from None


def _require_one(**given: bool) -> None:
    named = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"{named[0]} and {named[1]} exclude each other")


def _print_workflow(layout: Layout, output: Output) -> None:
    spec = read.load(layout.spec, environment=layout.environment)
    if spec.publish is None or not spec.publish.to.startswith(GITHUB):
        raise UsageError(
            "a workflow is for GitHub, and [publish] to names no repository there",
            next='[publish]  to = "github:OWNER/REPOSITORY"',
        )
    text = made(spec.publish.folder, git.branch(layout.project) or "main")
    output.line(text.rstrip("\n"), literal=True)
    output.event("workflow", {"path": PATH, "text": text})


def _planned(place: Place, source: Path, progress: PublishProgress) -> work.Plan:
    began = time.monotonic()
    todo = work.plan(place, source, progress)
    files = words.count(len(todo.site.files), "file")
    told = f"compared {files}, {words.size(todo.site.bytes)}"
    progress.done(told, time.monotonic() - began)
    return todo


def _show(place: Place, todo: work.Plan, output: Output, verbose: bool) -> None:
    changes = todo.changes
    output.event(
        "plan",
        {
            "place": place.where,
            "new": list(changes.new),
            "changed": list(changes.changed),
            "gone": list(changes.gone),
            "same": changes.same,
            "unfinished": todo.standing.unfinished,
            "foreign": todo.standing.foreign,
        },
    )
    output.line(place.where, style="bold")
    for note in (todo.standing.unfinished, todo.standing.foreign):
        if note is not None:
            output.line(f"  ! {note}", style="yellow")
    output.columns(
        words.lines(changes, todo.site.files, most=None if verbose else words.MOST_LINES)
    )
    output.line(f"  {words.summary(changes, todo.site.files)}")
    if not todo.empty:
        output.line()
        output.line("Next   tenfold publish" + (" --take-over" if todo.standing.foreign else ""))


def _publish(
    place: Place, todo: work.Plan, progress: PublishProgress, output: Output, take_over: bool
) -> None:
    summary = words.summary(todo.changes, todo.site.files)
    if todo.empty and (todo.standing.foreign is None or not take_over):
        progress.pause()
        work.require_own(todo.standing, take_over)
        output.line(f"{place.where}: {summary}")
        output.event("published", {"place": place.where, "publication": None, "sent_files": 0})
        return
    if todo.standing.unfinished is not None:
        output.line(f"  ! {todo.standing.unfinished}", style="yellow")
    done = work.carry_out(place, todo, progress, take_over=take_over)
    sent = f"sent {words.count(done.sent.files, 'file')}, {words.size(done.sent.bytes)}"
    progress.done(f"{sent}: {summary}", done.seconds)
    progress.pause()
    output.line()
    output.line(f"{place.where} has {done.publication.id}")
    output.line("Back   tenfold publish --back")
    output.event(
        "published",
        {
            "place": place.where,
            "publication": done.publication.to_json(),
            "new": len(done.changes.new),
            "changed": len(done.changes.changed),
            "gone": len(done.changes.gone),
            "sent_files": done.sent.files,
            "sent_bytes": done.sent.bytes,
        },
    )


def _back(
    place: Place, progress: PublishProgress, output: Output, id: str, take_over: bool
) -> None:
    began = time.monotonic()
    named = None if id == BEFORE else id
    chosen = work.put_back(place, progress, named, take_over=take_over)
    progress.done(f"{chosen.id} is back", time.monotonic() - began)
    output.event("put back", {"place": place.where, "publication": chosen.to_json()})


def _list(place: Place, progress: PublishProgress, output: Output) -> None:
    progress.doing(f"looking at {place.where}")
    standing = place.look(progress)
    progress.pause()
    if output.json:
        now = standing.current
        output.object({
            "place": place.where,
            "current": now.to_json() if now else None,
            "kept": [one.to_json() for one in standing.kept],
            "unfinished": standing.unfinished,
            "foreign": standing.foreign,
        })  # fmt: skip
        return
    output.line(place.where, style="bold")
    for note in (standing.unfinished, standing.foreign):
        if note is not None:
            output.line(f"  ! {note}", style="yellow")
    output.columns(_rows(standing))
    if standing.kept:
        output.line()
        output.line("Next   tenfold publish --back ID")


def _rows(standing: Standing) -> list[tuple[str, ...]]:
    rows = [_row(standing.current, "is served")] if standing.current else []
    rows += [_row(one, "") for one in standing.kept]
    return rows or [("nothing was published there yet",)]


def _row(one: Publication, note: str) -> tuple[str, ...]:
    files = words.count(one.files, "file") if one.files >= 0 else ""
    return one.id, shown(one.at) if one.at >= 0 else "", files, note
