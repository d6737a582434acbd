"""Another PostgreSQL as a source: read through one session, in one snapshot."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg

from tenfold.engines.postgresql import external
from tenfold.engines.postgresql.external import Address
from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused, TenfoldError
from tenfold.importing import catalogue, kinds, tally
from tenfold.importing.batches import Block
from tenfold.importing.model import (
    Contents,
    Copy,
    Pair,
    Problem,
    SourceColumn,
    SourceTable,
    Table,
    Tally,
)
from tenfold.importing.names import listed, quoted
from tenfold.importing.source import Tell
from tenfold.importing.target import asked

BLOCK_BYTES: Final = 1 << 18
ADVICE: Final = "correct the URL, then give the command again"
A_DAY_SECONDS: Final = 86_400.0
_LARGE_OBJECTS: Final = "SELECT count(*) FROM pg_largeobject_metadata"


class DatabaseSource:
    """See :class:`tenfold.importing.source.Source`."""

    def __init__(self, address: Address, connection: Connection) -> None:
        self.address = address
        self._connection = connection
        self._tables: dict[str, Table] = {}

    @property
    def name(self) -> str:
        """Where it is."""
        return self.address.place

    @property
    def encrypted(self) -> bool:
        """Whether this session is."""
        return bool(self._connection.pgconn.ssl_in_use)

    @property
    def major(self) -> int:
        """Its major version."""
        return self._connection.info.server_version // 10_000

    @property
    def version(self) -> str:
        """Its version, for people."""
        number = self._connection.info.server_version
        return f"{number // 10_000}.{number % 10_000}"

    def contents(self, tell: Tell) -> Contents:
        """See the protocol."""
        with _clearly(self.address):
            schema = catalogue.read(self._connection, counted=False)
            self._tables = {str(t.name): t for t in schema.tables}
            tables = []
            for table in schema.tables:
                if not table.partition:
                    tell(f"counting rows of {table.name}")
                    tables.append(self._described(table))
            return Contents(
                "server",
                tuple(tables),
                migrations=schema.migrations,
                last_values=catalogue.last_values(self._connection),
                problems=tuple(self._problems()),
            )

    def extensions(self) -> tuple[str, ...]:
        """Those that it has."""
        with _clearly(self.address):
            rows = self._connection.execute("SELECT extname FROM pg_extension ORDER BY 1")
            return tuple(str(name) for (name,) in rows)

    def feeds(self, copies: Sequence[Copy]) -> Generator[_Feed, None, None]:
        """See the protocol."""
        for copy in copies:
            yield _Feed(self._connection, self.address, copy, self._tables[str(copy.source.name)])

    def survey(self, copies: Sequence[Copy], tell: Tell) -> tuple[str, ...]:
        """Nothing: what PostgreSQL gave, PostgreSQL takes, or says itself what it does not."""
        return ()

    def _described(self, table: Table) -> SourceTable:
        columns = tuple(SourceColumn(c.name, c.type.text) for c in table.columns if not c.computed)
        return SourceTable(table.name, columns, catalogue.count(self._connection, table))

    def _problems(self) -> Iterator[Problem]:
        row = self._connection.execute(_LARGE_OBJECTS.encode()).fetchone()
        assert row is not None
        if row[0]:
            yield Problem(
                f"it has {row[0]} large objects, which belong to no table",
                "--whole takes them along",
            )


@dataclass
class _Feed:
    """A table's rows as the server writes them."""

    connection: Connection
    address: Address
    copy: Copy
    table: Table
    _rows: int = field(default=0, init=False)

    def blocks(self) -> Iterator[Block]:
        with _clearly(self.address), self.connection.cursor() as cursor:
            statement = f"COPY ({self._selected()}) TO STDOUT"
            with cursor.copy(statement.encode()) as reading:
                for data, rows in _gathered(reading):
                    self._rows += rows
                    yield Block(data, rows, 0)

    def tally(self) -> Tally:
        with _clearly(self.address):
            rows = f"({self._selected()}) rows"
            return asked(self.connection, tally.query(rows, self.copy.columns, "server"))

    def where(self, row: int) -> str:
        keys = [c.name for c in self.table.columns if c.key]
        if not keys:
            return f"row {row}"
        with _clearly(self.address):
            found = self.connection.execute(
                f"SELECT {listed(keys)} FROM {tally.rows_of(self.table)}"
                f" LIMIT 1 OFFSET {row - 1}".encode()
            ).fetchone()
        assert found is not None
        return ", ".join(f"{k} {v}" for k, v in zip(keys, found, strict=True))

    def _selected(self) -> str:
        chosen = ", ".join(self._expression(pair) for pair in self.copy.pairs)
        return f"SELECT {chosen} FROM {tally.rows_of(self.table)}"

    def _expression(self, pair: Pair) -> str:
        """A column as the other side wants it, where the server itself can make it so."""
        own = self.table.column(pair.source.name)
        assert own is not None
        name, wanted = quoted(pair.source.name), pair.target.type
        known = kinds.kind(wanted) != "other" and not wanted.labels and wanted.base != "citext"
        cast = f"::pg_catalog.{wanted.base}" if known and own.type.base != wanted.base else ""
        return f"{name}{cast} AS {quoted(pair.target.name)}"


@contextmanager
def opened(address: Address) -> Iterator[DatabaseSource]:
    """A session that reads only, and sees everything as it is at this moment.

    Raises:
        Refused: it cannot be reached, or is too old; the text has no secret.
    """
    try:
        session = external.connected(address)
    except psycopg.Error as error:
        raise external.unreachable(address, error, named="the source", advice=ADVICE) from None
    with session, session.within(A_DAY_SECONDS), _clearly(address):
        if session.info.server_version < tally.OLDEST_MAJOR * 10_000:
            raise Refused(
                f"the source {address.place} is older than PostgreSQL {tally.OLDEST_MAJOR}",
                next="make a dump of it with pg_dump, and import that",
            )
        for setting in (*tally.SETTINGS, "SET synchronize_seqscans = off"):
            session.execute(setting.encode())
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield DatabaseSource(address, session)


def _gathered(reading: psycopg.Copy) -> Iterator[tuple[bytes, int]]:
    """Rows in blocks, each with how many it has."""
    block, size = [], 0
    for row in reading:
        block.append(bytes(row))
        size += len(row)
        if size >= BLOCK_BYTES:
            yield b"".join(block), len(block)
            block, size = [], 0
    if block:
        yield b"".join(block), len(block)


@contextmanager
def _clearly(address: Address) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            f"{address.user} may not read everything in {address.place}:"
            f" {error.diag.message_primary}",
            next="name a user who may: the owner of the tables, or a member of pg_read_all_data",
        ) from None
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).strip()
        raise TenfoldError(
            f"the source {address.place} broke off: {said}", detail=error.diag.context
        ) from None
