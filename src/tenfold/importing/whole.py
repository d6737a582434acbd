"""Taking over a whole database, tables and all, in place of the empty tables that are there.

A dump's statements run one by one, as the role that owns the app's tables, in one transaction; its
rows are compared as they came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import BinaryIO, Final

import psycopg

from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused, TenfoldError
from tenfold.importing import bookkeeping, catalogue, failures, statements, tally
from tenfold.importing.dump_sql import Rows, Sql, parts
from tenfold.importing.lines import Lines
from tenfold.importing.listener import Listener
from tenfold.importing.match import Wishes
from tenfold.importing.model import (
    Copy,
    Name,
    Pair,
    Problem,
    Schema,
    SourceColumn,
    SourceTable,
    Table,
    Tally,
)
from tenfold.importing.names import listed, qualified
from tenfold.importing.rows import all_or_nothing
from tenfold.importing.target import asked, lock
from tenfold.observe.report.figures import count

Open = Callable[[], AbstractContextManager[BinaryIO]]

# Everything of the session's role in this database that no extension brought, in the order in which
# it can go; CASCADE does the rest.
_DROPS: Final = """
WITH mine AS (
  SELECT 1 AS turn, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) AS statement
    FROM pg_namespace n WHERE nspowner = current_user::regrole AND nspname !~ '^pg_'
     AND nspname NOT IN ('public', 'information_schema')
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass
                        AND objid = n.oid AND deptype = 'e')
   UNION ALL
  SELECT 2, format('DROP %s IF EXISTS %s CASCADE',
                   CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                        WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
                   c.oid::regclass)
    FROM pg_class c WHERE relowner = current_user::regrole
     AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND relnamespace = 'public'::regnamespace
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                        AND objid = c.oid AND deptype IN ('e', 'i', 'a'))
   UNION ALL
  SELECT 3, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
    FROM pg_proc p WHERE proowner = current_user::regrole AND pronamespace = 'public'::regnamespace
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass
                        AND objid = p.oid AND deptype = 'e')
   UNION ALL
  SELECT 4, format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype)
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
   WHERE typowner = current_user::regrole AND typnamespace = 'public'::regnamespace
     AND (typtype IN ('e', 'd', 'r') OR c.relkind = 'c')
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass
                        AND objid = t.oid AND deptype = 'e'))
SELECT statement FROM mine ORDER BY turn, statement
"""
_EXTENSIONS: Final = """
SELECT a.name, e.extname IS NOT NULL,
       coalesce((SELECT v.trusted OR NOT v.superuser FROM pg_available_extension_versions v
                  WHERE v.name = a.name AND v.version = a.default_version), false)
       OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
  FROM pg_available_extensions a LEFT JOIN pg_extension e ON e.extname = a.name
"""


def problems(
    connection: Connection,
    schema: Schema,
    wishes: Wishes,
    *,
    extensions: Sequence[str],
    major: int | None,
) -> Iterator[Problem]:
    """What keeps a whole database from being taken over.

    Args:
        connection: to the app's database, as the role that owns its tables.
        schema: of it.
        wishes: of the person; whose rows may go.
        extensions: that it needs.
        major: the version of PostgreSQL that it comes from, if that is known.
    """
    here = connection.info.server_version // 10_000
    if major is not None and major > here:
        yield Problem(
            f"it is of PostgreSQL {major}, and the app's database is PostgreSQL {here}:"
            " a whole database goes to the same version or a newer one",
            "without --whole its rows alone are taken, into the tables of the app's migrations",
        )
    for table in schema.tables:
        mine = bookkeeping.stays(table.name.table)
        mine = mine or table.name.table in bookkeeping.MADE_BY_MIGRATIONS
        if table.rows and not mine and str(table.name) not in wishes.replace:
            yield Problem(
                f"{table.name} has {count(table.rows, 'row')} already",
                f"--replace {table.name}    gives them up",
            )
        if not table.owned:
            yield Problem(f"{table.name} belongs to another role, and would be in the way")
    yield from _missing(connection, extensions)


def _missing(connection: Connection, wanted: Sequence[str]) -> Iterator[Problem]:
    known = {
        str(name): (bool(there), bool(makes))
        for name, there, makes in connection.execute(_EXTENSIONS.encode())
    }
    for name in sorted(set(wanted)):
        there, makes = known.get(name, (False, False))
        if name not in known:
            yield Problem(
                f"it needs the extension {name}, which the app's PostgreSQL does not have",
                '[database] postgres = "path"    takes the one of this machine, with what it has',
            )
        elif not there and not makes:
            yield Problem(
                f"it needs the extension {name}, which only a superuser can make",
                f"tenfold psql --as superuser -- -c 'create extension \"{name}\"'",
            )


@dataclass
class _Received:
    """Rows of one table, as they came."""

    table: Table
    columns: tuple[str, ...]
    rows: int = 0
    digest: int = 0
    compares: bool = False
    seconds: float = 0.0

    @property
    def tally(self) -> Tally:
        return Tally(self.rows, self.digest if self.rows and self.compares else None)


def take_over(
    connection: Connection, schema: Schema, open_: Open, name: str, listener: Listener
) -> Mapping[Name, Tally]:
    """Run a dump, compare its rows, commit; gives what each table got.

    Args:
        connection: as the role that is to own everything, in autocommit mode.
        schema: of the app's database as it was looked at.
        open_: opens the dump's SQL.
        name: of the source, for people.
        listener: is told.

    Raises:
        TenfoldError: it failed, and nothing changed; says why.
    """
    with all_or_nothing(connection):
        listener.doing("waiting for the tables")
        lock(connection, [t.name for t in schema.tables])
        _require_same(connection, schema)
        for (statement,) in connection.execute(_DROPS.encode()).fetchall():
            connection.execute(str(statement).encode())
        taking = _Taking(connection, name, listener)
        with open_() as stream, closing(parts(stream, name)) as found:
            for part in found:
                taking.take(part)
        return taking.compared()


def _require_same(connection: Connection, schema: Schema) -> None:
    now = catalogue.read(connection)
    if now.tables != schema.tables:
        raise Refused(
            "the app's database changed while the import was being planned",
            next="tenfold maintenance on    keeps visitors out; then give the command again",
        )


class _Taking:
    """Runs a dump's parts in a transaction."""

    def __init__(self, connection: Connection, name: str, listener: Listener) -> None:
        self._connection = connection
        self._name = name
        self._listener = listener
        self._tables: dict[Name, Table] = {}
        self._received: dict[Name, _Received] = {}

    def take(self, part: Sql | Rows) -> None:
        """Carry one part out. Raises ``TenfoldError``."""
        if isinstance(part, Rows):
            self._fill(part)
        elif not statements.is_copy(part.text):
            self._run(part)

    def compared(self) -> dict[Name, Tally]:
        """What each table got; raises ``TenfoldError`` where it is not what came."""
        for setting in tally.SETTINGS:  # the dump has its own
            self._connection.execute(setting.encode())
        found = {}
        for received in self._received.values():
            since = time.monotonic()
            table = received.table
            self._listener.doing(f"comparing {table.name}")
            columns = [c for name in received.columns if (c := table.column(name))]
            got = asked(self._connection, tally.query(tally.rows_of(table), columns, "dump"))
            if got != received.tally:
                what = f"{received.rows:,} rows there, {got.rows:,} here"
                same = got.rows == received.rows
                raise failures.different(str(table.name), "other values" if same else what)
            found[table.name] = got
            self._listener.copied(_as_copy(received), received.seconds + time.monotonic() - since)
        return found

    def _run(self, part: Sql) -> None:
        try:
            if statements.runs(part.text):
                self._connection.execute(part.text.encode())
        except statements.Unfit as error:
            raise self._refused(part.line, str(error)) from None
        except psycopg.Error as error:
            general = failures.broken(error)
            if general is not None:
                raise general from error
            said = error.diag.message_primary or str(error)
            raise self._refused(part.line, said, detail=part.text[:500]) from error

    def _fill(self, part: Rows) -> None:
        received = self._receiving(part)
        since = time.monotonic()
        lines = Lines([received.table.column(name) for name in part.header.columns])
        received.compares = lines.compares
        copy = _as_copy(received)
        statement = f"COPY {qualified(received.table.name)} ({listed(received.columns)}) FROM STDIN"
        try:
            with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as writing:
                for piece in part.pieces():
                    block = lines.block(piece)
                    writing.write(block.data)
                    received.rows += block.rows
                    received.digest += block.digest
                    self._listener.rows(copy, received.rows)
        except psycopg.Error as error:
            failed = failures.Failed(copy, failures.row_of(error), error)
            raise failures.refused(failed, lambda row: f"line {part.line + row}") from error
        received.seconds += time.monotonic() - since

    def _receiving(self, part: Rows) -> _Received:
        name = Name(part.header.table.table, part.header.table.schema or "public")
        if name not in self._tables:
            schema = catalogue.read(self._connection, counted=False)
            self._tables = {table.name: table for table in schema.tables}
        if name not in self._tables:
            raise self._refused(part.line, f"it has rows of {name}, but no such table")
        table = self._tables[name]
        return self._received.setdefault(name, _Received(table, part.header.columns))

    def _refused(self, line: int, why: str, detail: str | None = None) -> TenfoldError:
        return Refused(
            f"{self._name}, line {line}: {why}",
            changed=failures.UNTOUCHED,
            detail=detail,
            next="without --whole its rows alone are taken, into the tables that are there",
        )


def _as_copy(received: _Received) -> Copy:
    """For whoever listens."""
    columns = tuple(SourceColumn(name) for name in received.columns)
    pairs = tuple(
        Pair(SourceColumn(name), column)
        for name in received.columns
        if (column := received.table.column(name))
    )
    return Copy(SourceTable(received.table.name, columns, received.rows), received.table, pairs)
