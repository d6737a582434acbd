"""Bringing data into a deployment's database: what is to come, and where it goes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tenfold.deployment.work import serving
from tenfold.engines.postgresql import admin, binaries, external, login
from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused, TenfoldError, UsageError
from tenfold.importing import (
    bookkeeping,
    catalogue,
    database,
    match,
    rows,
    sqlite,
    tally,
    whole,
)
from tenfold.importing.database import DatabaseSource
from tenfold.importing.dump import DumpSource
from tenfold.importing.dump_sql import DumpFile, printed
from tenfold.importing.match import Wishes
from tenfold.importing.model import Contents, Plan, Problem, Schema
from tenfold.importing.recognise import recognise
from tenfold.importing.sqlite import SqliteSource
from tenfold.observe.report.figures import size
from tenfold.topology.settings import DatabaseSettings
from tenfold.trusted import doubt

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.importing.listener import Listener
    from tenfold.importing.source import Tell
    from tenfold.secret import Secret


WRITTEN_TIMES = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wants to have imported.

    One of ``file`` and ``url`` is given. ``whole``: tables and all, in place of what is there.
    """

    file: Path | None
    url: Secret | None
    wishes: Wishes
    zone: tzinfo
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data goes: as the role that owns the tables."""

    title: str
    name: str
    programs: Path
    connect: Callable[[], AbstractContextManager[Connection]]
    arrange: Callable[[], object]
    data: Path | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """An import that is looked at, and can be carried out.

    ``whole``: it takes over tables and all. ``plan`` has no problems, or they were told.
    """

    title: str
    source: str
    target: str
    plan: Plan
    whole: bool
    tables: tuple[tuple[str, int], ...]
    check: Callable[[Tell], tuple[str, ...]] = field(repr=False)
    run: Callable[[Listener], None] = field(repr=False)


@contextmanager
def looked_at(deployment: Deployment, request: Request, tell: Tell) -> Iterator[Import]:
    """The import that a request amounts to; its source stays open, as it was at this moment.

    Raises:
        TenfoldError: there is nothing to import from, or nowhere to.
    """
    with ExitStack() as stack:
        source = stack.enter_context(_opened(request))
        place = placed(deployment, serving(deployment), request)
        if isinstance(source, DumpFile):
            source = replace(source, pg_restore=_program(place, "pg_restore"))
        connection = stack.enter_context(place.connect())
        stack.enter_context(connection.within(database.A_DAY_SECONDS))  # large tables are counted
        yield _looked_at(source, place, connection, request, tell)


def placed(deployment: Deployment, intent: Intent, request: Request) -> Place:
    """Where the database is that the serving release uses, and as whom it is written to.

    Raises:
        Refused: it does not run.
    """
    programs = Path(intent.toolbox.binaries["postgres"]).parent
    if intent.database_url is not None:
        address = external.parse(intent.database_url)
        facts = external.look(address)
        for problem in external.problems(address, facts, migrates=False):
            raise problem
        if facts.major < tally.OLDEST_MAJOR:
            raise Refused(
                f"your database {address.place} is PostgreSQL {facts.version};"
                f" data is imported into {tally.OLDEST_MAJOR} or newer",
                next="upgrade it",
            )
        return Place(
            title=intent.title,
            name=f"your database {address.place}",
            programs=programs,
            connect=lambda: external.connected(address),
            arrange=lambda: None,
        )
    unit = next(u for u in intent.goal.topology.units if intent.goal.leads(u))
    seen = deployment.observe().host(unit.host)
    running = seen.unit(unit.name) if seen else None
    if running is None or running.state != "running":
        raise Refused(f"{unit.path} does not run", next="tenfold up")
    assert isinstance(unit.settings, DatabaseSettings)
    scene = intent.blueprint.scene(unit)
    role = "owner" if unit.settings.separate_owner else "app"
    who = login.login(unit, scene, role)
    return Place(
        title=intent.title,
        name=f"the database {unit.settings.database} of {unit.path}",
        programs=programs,
        connect=lambda: login.connect(who),
        arrange=lambda: admin.prepare(unit, scene),
        data=Path(scene.place.data),
    )


@contextmanager
def _opened(request: Request) -> Iterator[SqliteSource | DatabaseSource | DumpFile]:
    if request.url is not None:
        address = external.parse(request.url, named="the URL", advice=database.ADVICE)
        with database.opened(address) as source:
            yield source
        return
    assert request.file is not None
    form = recognise(request.file)
    if form == "sqlite":
        with sqlite.opened(request.file, request.zone) as found:
            yield found
        return
    yield DumpFile(request.file, form, pg_restore="")


def _looked_at(
    source: SqliteSource | DatabaseSource | DumpFile,
    place: Place,
    connection: Connection,
    request: Request,
    tell: Tell,
) -> Import:
    schema = catalogue.read(connection)
    bare = all(bookkeeping.stays(table.name.table) for table in schema.tables)
    if isinstance(source, SqliteSource):
        if request.whole:
            raise UsageError(
                "--whole is for dumps and databases of PostgreSQL's",
                next="a SQLite file's rows go into the tables that the app's migrations make",
            )
        if bare:
            raise _no_tables(place)
    elif bare or request.whole:
        return _whole(source, place, connection, schema, request, tell)
    found = DumpSource(source) if isinstance(source, DumpFile) else source
    return _rows(found, place, connection, schema, request, tell)


def _no_tables(place: Place) -> Refused:
    return Refused(
        f"{place.name} has no tables yet, and rows go into the tables that the app makes",
        detail="SQLite says too little of types to make good tables of them: your migrations do.",
        next='[release] migrate = "..."    in tenfold.toml names the command that makes them;\n'
        "tenfold deploy    runs it; then give the command again",
    )


def _rows(
    source: SqliteSource | DatabaseSource | DumpSource,
    place: Place,
    connection: Connection,
    schema: Schema,
    request: Request,
    tell: Tell,
) -> Import:
    contents = source.contents(tell)
    _require_known(request.wishes, schema, contents)
    plan = match.match(schema, contents, request.wishes)
    plan = replace(plan, problems=(*plan.problems, *_room(place, request.file)))

    def check(tell: Tell) -> tuple[str, ...]:
        unfit = source.survey(plan.copies, tell)
        dangling = source.dangling(plan.copies) if isinstance(source, SqliteSource) else ()
        return (*unfit, *dangling)

    def run(listener: Listener) -> None:
        rows.bring(connection, schema, source, contents, plan, listener)

    copied = tuple((str(copy.target.name), copy.source.rows) for copy in plan.copies)
    return Import(place.title, source.name, place.name, plan, False, copied, check, run)


def _whole(
    source: DatabaseSource | DumpFile,
    place: Place,
    connection: Connection,
    schema: Schema,
    request: Request,
    tell: Tell,
) -> Import:
    if request.wishes.skip:
        raise UsageError("--skip leaves out rows, and --whole takes everything")
    if isinstance(source, DumpFile):
        scan = DumpSource(source).scan(tell)
        contents, extensions, major = scan.contents, scan.extensions, source.major()
        opener: whole.Open = source.opened
    else:
        contents, extensions, major = source.contents(tell), source.extensions(), source.major
        opener = _pg_dump(source, place)
    problems = whole.problems(
        connection, schema, request.wishes, extensions=extensions, major=major
    )
    plan = Plan((), problems=(*problems, *_room(place, request.file)))

    def run(listener: Listener) -> None:
        whole.take_over(connection, schema, opener, source.name, listener)
        _arrange(place)

    brought = tuple((str(table.name), table.rows) for table in contents.tables)
    return Import(place.title, source.name, place.name, plan, True, brought, lambda tell: (), run)


def _arrange(place: Place) -> None:
    try:
        place.arrange()
    except TenfoldError as error:
        error.changed = "everything is imported; rights of the app's role on it may be missing"
        error.next = "tenfold deploy    arranges them"
        raise


def _require_known(wishes: Wishes, schema: Schema, contents: Contents) -> None:
    unknown = match.unknown(wishes, schema, contents)
    if unknown:
        there = sorted(str(table.name) for table in contents.tables)
        raise UsageError(
            f"there is no {unknown[0]} to skip or to replace",
            next=f"the source has {', '.join(there)}; a column is written TABLE.COLUMN",
        )


def _room(place: Place, file: Path | None) -> Sequence[Problem]:
    """Whether what is to come can fit at all on the disk of the app's database."""
    if place.data is None or file is None:
        return ()
    files = [file] if file.is_file() else [f for f in file.rglob("*") if f.is_file()]
    wanted = sum(f.stat().st_size for f in files)
    free = shutil.disk_usage(place.data).free
    if free > WRITTEN_TIMES * wanted:
        return ()
    return (
        Problem(
            f"there are {size(free)} free where the app's database is, and the source has"
            f" {size(wanted)}, which are written twice: to the log and to the tables",
            "make room there",
        ),
    )


def _program(place: Place, name: str) -> str:
    """A program that comes with the app's PostgreSQL.

    Raises:
        Refused: it is not there.
    """
    program = place.programs / name
    if not os.access(program, os.X_OK):
        raise Refused(
            f"{program} is not there", next="install it: postgresql-client of the same version"
        )
    return str(program)


def _pg_dump(source: DatabaseSource, place: Place) -> whole.Open:
    """What reads a whole database of PostgreSQL's. Where TLS is needed, the host's ``pg_dump``.

    Raises:
        Refused: there is none that could.
    """
    own = Path(_program(place, "pg_dump"))
    host = shutil.which("pg_dump")
    programs = [own] if not source.encrypted else []
    programs += [Path(host)] if host and doubt(Path(host)) is None else []
    program = next((p for p in programs if (binaries.major_of(p) or 0) >= source.major), None)
    if program is None:
        how = " with TLS" if source.encrypted else ""
        raise Refused(
            f"there is no pg_dump of PostgreSQL {source.major}{how} on this machine",
            next=f"apt install postgresql-client-{source.major}; or make a dump elsewhere:\n"
            "pg_dump --format=custom --file=FILE DATABASE    and import FILE",
        )
    return partial(_dumped, source, program)


@contextmanager
def _dumped(source: DatabaseSource, program: Path) -> Iterator[BinaryIO]:
    passwords, environment = external.password_file(source.address)
    argv = (
        str(program), "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions",
        "--no-security-labels", "--no-tablespaces", "--encoding=UTF8",
        "-d", source.address.conninfo(**source.address.caution),
    )  # fmt: skip
    try:
        with printed(argv, {**environment, "PGTZ": "UTC"}, source.name, (passwords,)) as stream:
            yield stream
    finally:
        os.close(passwords)
