"""The app's database while rows come into it: in one transaction, which nobody sees before its end.

Foreign keys of the tables are taken off before and put back behind, as ``pg_restore`` does it: so
the order of tables does not matter, nor do circles among them, and PostgreSQL checks all rows at
once. Until then nobody else reads or writes these tables; they wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import psycopg

from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused
from tenfold.importing import catalogue, tally
from tenfold.importing.failures import Dangling, Failed, row_of
from tenfold.importing.model import (
    Copy,
    Flavour,
    ForeignKey,
    Name,
    Numbers,
    Schema,
    Tally,
    Trigger,
)
from tenfold.importing.names import listed, qualified, quoted
from tenfold.importing.source import Feed
from tenfold.observe.report.figures import count

LOCK_SECONDS: Final = 10
_STATES: Final[Mapping[str, str]] = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
_SHOWN: Final = 3


class Target:
    """The tables that are written to, in a transaction that its user began.

    Args:
        connection: as the role that owns them.
        schema: as it was when the plan was made.
        copies: the plan's.
    """

    def __init__(self, connection: Connection, schema: Schema, copies: tuple[Copy, ...]) -> None:
        self._connection = connection
        self._schema = schema
        self._copies = copies
        self._written = frozenset(copy.target.name for copy in copies)

    @property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """Those of these tables, and those that lead to them."""
        return tuple(
            key
            for key in self._schema.foreign_keys
            if key.table in self._written or key.other in self._written
        )

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Those that would fire."""
        return tuple(
            t for t in self._schema.triggers if t.table in self._written and t.enabled in _STATES
        )

    def take(self) -> None:
        """Have the tables for oneself, as they were when the plan was made.

        Raises:
            Refused: somebody uses them, or they are not as they were.
        """
        tables = {*self._written, *(name for k in self.foreign_keys for name in (k.table, k.other))}
        lock(self._connection, tables)
        now = catalogue.read(self._connection, counted=False)
        if self._seen(now, counted=True) != self._seen(self._schema):
            raise Refused(
                "the app's database changed while the import was being planned",
                next="tenfold maintenance on    keeps visitors out; then give the command again",
            )

    def _seen(self, schema: Schema, *, counted: bool = False) -> tuple[object, ...]:
        """What of the schema this import goes by."""
        tables = [t for t in schema.tables if t.name in self._written]
        if counted:
            tables = [replace(t, rows=catalogue.count(self._connection, t)) for t in tables]
        keys = {k for k in schema.foreign_keys if {k.table, k.other} & self._written}
        triggers = {t for t in schema.triggers if t.table in self._written}
        return tables, keys, triggers

    def prepare(self) -> None:
        """Take off foreign keys, silence triggers, delete what is replaced."""
        for key in self.foreign_keys:
            self._run(f"ALTER TABLE {qualified(key.table)} DROP CONSTRAINT {quoted(key.name)}")
        for trigger in self.triggers:
            self._trigger(trigger, "DISABLE")
        for copy in self._copies:
            if copy.replaces:
                self._run(f"DELETE FROM {qualified(copy.target.name)}")

    def fill(self, feed: Feed, told: Callable[[int], None]) -> None:
        """Write a table's rows.

        Raises:
            Failed: PostgreSQL does not take one; says which.
        """
        copy, rows = feed.copy, 0
        columns = listed(column.name for column in copy.columns)
        statement = f"COPY {qualified(copy.target.name)} ({columns}) FROM STDIN"
        try:
            with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as writing:
                for block in feed.blocks():
                    if block.unfit:
                        raise Unfitting
                    writing.write(block.data)
                    rows += block.rows
                    told(rows)
        except psycopg.Error as error:
            raise Failed(copy, row_of(error), error) from error

    def tally(self, copy: Copy, flavour: Flavour) -> Tally:
        """What the table holds now, as PostgreSQL works it out."""
        return asked(
            self._connection, tally.query(tally.rows_of(copy.target), copy.columns, flavour)
        )

    def finish(self, last_values: Mapping[Name, int]) -> None:
        """Put foreign keys and triggers back, and sequences past what is there.

        Raises:
            Dangling: rows refer to rows that are not there.
        """
        dangling = [told for key in self.foreign_keys if (told := self._put_back(key)) is not None]
        if dangling:
            raise Dangling(tuple(dangling))
        self._run("SET CONSTRAINTS ALL IMMEDIATE")
        for trigger in self.triggers:
            self._trigger(trigger, _STATES[trigger.enabled])
        for sequence in self._schema.sequences:
            if sequence.table in self._written:
                self._advance(sequence, last_values.get(sequence.name))
        for copy in self._copies:
            self._run(f"ANALYZE {qualified(copy.target.name)}")

    def _put_back(self, key: ForeignKey) -> str | None:
        """Have PostgreSQL check and keep a foreign key; what it does not hold for, in words."""
        adding = f"ALTER TABLE {qualified(key.table)} ADD CONSTRAINT {quoted(key.name)}"
        try:
            with self._connection.transaction():
                self._run(f"{adding} {key.definition}")
        except psycopg.errors.ForeignKeyViolation:
            return self._dangling(key)
        return None

    def _dangling(self, key: ForeignKey) -> str:
        pairs = list(zip(key.columns, key.other_columns, strict=True))
        meets = " AND ".join(f"o.{quoted(b)} = t.{quoted(a)}" for a, b in pairs)
        given = " AND ".join(f"t.{quoted(a)} IS NOT NULL" for a, _ in pairs)
        values = f"concat_ws(', ', {', '.join(f't.{quoted(a)}' for a, _ in pairs)})"
        rest = (
            f"FROM {qualified(key.table)} t WHERE {given} AND NOT EXISTS"
            f" (SELECT FROM {qualified(key.other)} o WHERE {meets})"
        )
        found = self._connection.execute(
            f"SELECT count(*), (SELECT string_agg(v, '; ') FROM (SELECT DISTINCT {values} v {rest}"
            f" LIMIT {_SHOWN}) s) {rest}".encode()
        ).fetchone()
        assert found is not None
        named = f"{key.table}.{', '.join(key.columns)}"
        rows = count(int(str(found[0])), "row")
        return f"{rows}: {named} refers to {key.other} that are not there: {found[1]}"

    def _trigger(self, trigger: Trigger, how: str) -> None:
        self._run(f"ALTER TABLE {qualified(trigger.table)} {how} TRIGGER {quoted(trigger.name)}")

    def _advance(self, sequence: Numbers, last: int | None) -> None:
        """Set a sequence past the column's values, unless it is there; taken back if all is."""
        extreme = "max" if sequence.increment > 0 else "min"
        table = qualified(sequence.table)
        column = f"(SELECT {extreme}({quoted(sequence.column)})::bigint FROM {table})"
        own = f"(SELECT last_value FROM {qualified(sequence.name)} WHERE is_called)"
        wanted = "greatest" if sequence.increment > 0 else "least"
        told = "NULL::bigint" if last is None else str(last)
        row = self._connection.execute(
            f"SELECT {wanted}({column}, {own}, {told}), {own}".encode()
        ).fetchone()
        assert row is not None
        if row[0] is None or row[0] == row[1]:
            return
        following = int(str(row[0])) + sequence.increment
        if not sequence.minimum <= following <= sequence.maximum:
            raise Refused(
                f"{sequence.table}.{sequence.column} has {row[0]}, behind which"
                f" {sequence.name} has no next value",
                next="number the rows anew in the source, or widen the column by a migration",
            )
        self._run(f"ALTER SEQUENCE {qualified(sequence.name)} RESTART WITH {following}")

    def _run(self, statement: str) -> None:
        self._connection.execute(statement.encode())


def lock(connection: Connection, tables: Iterable[Name]) -> None:
    """Have tables for oneself, for the rest of the transaction.

    Raises:
        Refused: somebody uses one.
    """
    named = ", ".join(qualified(name) for name in sorted(tables, key=str))
    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
    try:
        if named:
            connection.execute(f"LOCK TABLE {named} IN ACCESS EXCLUSIVE MODE".encode())
    except psycopg.errors.LockNotAvailable as error:
        raise Refused(
            "somebody uses the tables of the app's database",
            detail=f"A transaction on one of them did not end within {LOCK_SECONDS} s.",
            next="tenfold maintenance on    keeps visitors out; then give the command again",
        ) from error
    for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(f"SET LOCAL {limit} = 0".encode())


def asked(connection: Connection, query: str) -> Tally:
    """What a query of :mod:`.tally` gives."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return Tally(int(str(row[0])), None if row[1] is None else int(str(row[1])))


class Unfitting(Exception):
    """A value of the source does not fit; a survey finds all of them."""
