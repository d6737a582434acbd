"""``tenfold db import``: data that is somewhere else, into the app's database."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, tzinfo
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.import_progress import ImportProgress
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.importing import Import, Request, looked_at
from tenfold.errors import Interrupted, Refused, UsageError
from tenfold.importing.failures import UNTOUCHED
from tenfold.importing.match import Wishes
from tenfold.observe.report.figures import count
from tenfold.secret import Secret

SHOWN_LINES = 30
WAITING = "while rows are copied, requests that use these tables wait"


@command("import")
@click.argument("source", required=False, metavar="FILE|URL")
@click.option(
    "--from-env", metavar="VARIABLE", help="Take the URL, which has a password, from this variable."
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, by table; change nothing.")
@click.option(
    "--skip", multiple=True, metavar="NAME", help="Leave out TABLE or TABLE.COLUMN; repeatable."
)
@click.option(
    "--replace",
    multiple=True,
    metavar="TABLE",
    help="Delete the rows that the app's database has in it; repeatable.",
)
@click.option(
    "--timezone",
    default="UTC",
    metavar="ZONE",
    help="Of SQLite's times that do not say theirs, as in Europe/Berlin; UTC.",
)
@click.option(
    "--despite-migrations", is_flag=True, help="Import although source and app differ in them."
)
@click.option(
    "--whole",
    is_flag=True,
    help="Of PostgreSQL: take tables and all, in place of the empty ones.",
)
def import_(
    settings: Settings,
    source: str | None,
    from_env: str | None,
    dry_run: bool,
    skip: tuple[str, ...],
    replace: tuple[str, ...],
    timezone: str,
    despite_migrations: bool,
    whole: bool,
) -> None:
    """Bring data into the app's database: of a SQLite file, a PostgreSQL database or a dump of one.

    Rows go into the tables that the app's migrations made, matched by their names. All of them
    arrive, compared on both sides, or nothing changes; tables that have rows are not overwritten.
    Meanwhile requests that use these tables wait. A dump is what pg_dump writes, in any format.

    \b
    tenfold db import db.sqlite3 --dry-run
    tenfold db import db.sqlite3
    tenfold db import shop.dump
    tenfold db import --from-env OLD_DATABASE_URL
    """
    request = _request(
        source,
        from_env,
        Wishes(frozenset(skip), frozenset(replace), despite_migrations),
        _zone(timezone),
        whole,
    )
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    with deployment.working("db import"):
        deployment.require_settled()
        try:
            with (
                ImportProgress(output) as progress,
                looked_at(deployment, request, progress.doing) as found,
            ):
                progress.pause()
                _show(found, output)
                _require_clear(found)
                progress.go_on()
                if dry_run:
                    _dry_run(found, progress)
                else:
                    found.run(progress)
        except KeyboardInterrupt:
            raise _interrupted() from None
    again = [argument for argument in settings.arguments if argument != "--dry-run"]
    _conclude(found, output, shlex.join(["tenfold", *again]) if dry_run else None)


def _request(
    source: str | None, variable: str | None, wishes: Wishes, zone: tzinfo, whole: bool
) -> Request:
    if (source is None) == (variable is None):
        raise UsageError(
            "name what to import: a file, or a URL of PostgreSQL's",
            next="tenfold db import FILE    or    tenfold db import --from-env VARIABLE",
        )
    if variable is not None:
        if variable not in os.environ:
            raise UsageError(f"{variable} is not set here")
        return Request(None, Secret(os.environ[variable].strip()), wishes, zone, whole)
    assert source is not None
    scheme, separator, rest = source.partition("://")
    if not separator:
        return Request(Path(source), None, wishes, zone, whole)
    if scheme == "sqlite":
        return Request(Path(unquote(rest.removeprefix("/"))), None, wishes, zone, whole)
    if scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise UsageError(
            f"{scheme} is no database that can be imported from",
            next="a SQLite file, a postgresql:// URL or what pg_dump writes can be",
        )
    _require_no_password(source)
    return Request(None, Secret(source), wishes, zone, whole)


def _require_no_password(url: str) -> None:
    """Whoever has been given a password this way has to be told, and not to be helped on."""
    try:
        parts = urlsplit(url)
        has_one = bool(parts.password) or "password=" in parts.query
    except ValueError:
        has_one = "@" in url
    if has_one:
        raise UsageError(
            "a password on the command line is seen by everybody here, and kept by the shell",
            next="put the URL into a variable, and give its name:\n"
            "tenfold db import --from-env OLD_DATABASE_URL\n"
            "(without a password in the URL, ~/.pgpass and PGPASSWORD count, as for psql)",
        )


def _zone(name: str) -> tzinfo:
    if name == "UTC":  # also where the system has no list of zones
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f'there is no time zone "{name}"', next="a name is written Europe/Berlin or UTC"
        ) from None


def _show(found: Import, output: Output) -> None:
    plan = found.plan
    output.event(
        "plan",
        {
            "source": found.source,
            "target": found.target,
            "whole": found.whole,
            "tables": [{"table": name, "rows": rows} for name, rows in found.tables],
            "replaced": {str(c.target.name): c.replaces for c in plan.copies if c.replaces},
            "left_out": [{"what": what, "why": why} for what, why in plan.left_out],
            "notes": list(plan.notes),
            "problems": [{"what": p.what, "fix": p.fix} for p in plan.problems],
        },
    )
    output.line(f"{found.title} · {found.source} -> {found.target}", style="bold")
    output.line()
    output.columns(_rows(found))
    if plan.left_out:
        output.line()
        output.columns([(f"not copied: {what}", why) for what, why in plan.left_out])
    output.line()
    for note in (*plan.notes, WAITING):
        output.line(f"  {note}", style="dim")
    output.line()


def _rows(found: Import) -> list[tuple[str, ...]]:
    if found.whole:
        return [(name, count(rows, "row"), "with its table") for name, rows in found.tables]
    return [
        (
            str(copy.target.name),
            count(copy.source.rows, "row"),
            count(len(copy.pairs), "column")
            + (f", in place of {count(copy.replaces, 'row')}" if copy.replaces else ""),
        )
        for copy in found.plan.copies
    ]


def _require_clear(found: Import) -> None:
    problems = found.plan.problems
    if not problems:
        return
    lines = [f"{p.what}\n    {p.fix}" if p.fix else p.what for p in problems[:SHOWN_LINES]]
    if len(problems) > SHOWN_LINES:
        lines.append(f"and {len(problems) - SHOWN_LINES} more")
    raise Refused(
        f"{found.source} cannot be imported as it is: {count(len(problems), 'obstacle')}",
        detail="\n".join(lines),
        changed=UNTOUCHED,
        next="what stands below each of them",
    )


def _dry_run(found: Import, progress: ImportProgress) -> None:
    """Look at every value too. Raises ``Refused`` where some would not fit."""
    wrong = found.check(progress.doing)
    if wrong:
        raise Refused(
            f"{found.source} has what the app's database cannot take",
            detail="\n".join(wrong),
            changed=UNTOUCHED,
            next="correct it in a copy of the file, then import that one",
        )


def _interrupted() -> Interrupted:
    error = Interrupted("db import")
    error.changed = UNTOUCHED
    error.next = "tenfold db import ...   again begins anew"
    return error


def _conclude(found: Import, output: Output, command: str | None) -> None:
    """``command`` is what would really do it, after a dry run."""
    rows = sum(rows for _, rows in found.tables)
    told = {"tables": len(found.tables), "rows": rows}
    output.event("would-import" if command else "imported", told)
    what = f"{count(rows, 'row')} in {count(len(found.tables), 'table')}"
    output.line()
    if command:
        output.line(f"{what} would be imported; nothing was changed", style="bold")
        output.line("Next   tenfold maintenance on    shows visitors a page meanwhile")
        output.line(f"       {command}", literal=True)
        return
    output.line(f"{what} imported, the same on both sides", style="bold")
    if found.whole:
        output.line("Next   tenfold deploy    runs migrations that are newer than this data")
