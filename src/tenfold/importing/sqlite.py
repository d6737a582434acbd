"""A SQLite file as a source: opened read-only, seen as it was at one moment."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import quote

from tenfold.errors import Refused, TenfoldError
from tenfold.importing import bookkeeping
from tenfold.importing.batches import Batches, Block
from tenfold.importing.model import Contents, Copy, Name, SourceColumn, SourceTable, Tally
from tenfold.importing.names import listed, quoted
from tenfold.importing.source import Tell
from tenfold.importing.unfit import Unfits
from tenfold.observe.report.figures import count

BLOCK_BYTES: Final = 1 << 18
MOST_ROWS: Final = 1000
BUSY_SECONDS: Final = 5.0
_VIRTUAL = re.compile(r"CREATE\s+VIRTUAL\s+TABLE\b", re.IGNORECASE)
_SHADOWS: Final = (
    "_data", "_idx", "_content", "_docsize", "_config", "_segments", "_segdir", "_stat",
    "_node", "_rowid", "_parent",
)  # fmt: skip
"""What full-text and R*Tree indexes keep their own data in: https://www.sqlite.org/vtab.html"""
_NOT_TEXT: Final = "Could not decode to UTF-8"
_HIDDEN: Final = 1
_UNREADABLE: Final = "tables that other tables are views of (FTS, R*Tree) are SQLite's own"


class SqliteSource:
    """See :class:`tenfold.importing.source.Source`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, zone: tzinfo) -> None:
        self.path = path
        self._connection = connection
        self._zone = zone

    @property
    def name(self) -> str:
        """Its file."""
        return str(self.path)

    def contents(self, tell: Tell) -> Contents:
        """See the protocol."""
        with _clearly(self.path):
            tell("reading the file through")
            self._require_sound()
            found = [Name(str(name)) for (name,) in self._tables()]
            reasons = self._why_not()
            tables = []
            for name in found:
                tell(f"counting rows of {name}")
                tables.append(self._described(name, reasons.get(name.table)))
            return Contents("sqlite", tuple(tables), migrations=self._migrations(found))

    def feeds(self, copies: Sequence[Copy]) -> Generator[_Feed, None, None]:
        """See the protocol."""
        for copy in copies:
            yield _Feed(self, copy)

    def survey(self, copies: Sequence[Copy], tell: Tell) -> tuple[str, ...]:
        """See the protocol."""
        found = Unfits()
        for copy in copies:
            tell(f"looking at every value of {copy.source.name}")
            with self._tolerant(), _clearly(self.path):
                before = 0
                for block in self.blocks(copy, Batches(copy, self._zone)):
                    for one in block.unfit:
                        found.add(copy, one, partial(self.where, copy, before + one.row + 1))
                    before += block.rows
        return found.lines()

    def dangling(self, copies: Sequence[Copy]) -> tuple[str, ...]:
        """References to rows that are not there, which SQLite does not mind and PostgreSQL does."""
        mine = {copy.source.name.table for copy in copies}
        counts: dict[tuple[str, str], int] = {}
        with suppress(sqlite3.OperationalError):  # a schema whose own references fit no key
            for table, _, parent, _ in self._connection.execute("PRAGMA foreign_key_check"):
                if table in mine:
                    counts[table, parent] = counts.get((table, parent), 0) + 1
        return tuple(
            f"{table} refers to rows of {parent} that are not there, in {count(rows, 'row')}"
            for (table, parent), rows in counts.items()
        )

    def blocks(self, copy: Copy, batches: Batches) -> Iterator[Block]:
        """A table's rows; as many at a time as are about :data:`BLOCK_BYTES`."""
        columns = listed(pair.source.name for pair in copy.pairs)
        table = quoted(copy.source.name.table)
        # In the table's own order, so that a row can be named by its place.
        cursor = self._connection.execute(f"SELECT {columns} FROM {table} NOT INDEXED")
        wanted = 1
        while rows := cursor.fetchmany(wanted):
            block = batches.block(rows)
            yield block
            fitting = max(1, BLOCK_BYTES * block.rows // max(1, len(block.data)))
            wanted = min(MOST_ROWS, 2 * wanted, fitting)

    def where(self, copy: Copy, row: int) -> str:
        """A row in words: by its rowid, or by its key where it has none."""
        table = quoted(copy.source.name.table)
        named = {c.name.lower() for c in copy.source.columns}
        for alias in ("rowid", "_rowid_", "oid"):
            if alias not in named:
                with suppress(sqlite3.OperationalError):  # WITHOUT ROWID
                    return f"rowid {self._at(table, alias, row)[0]}"
        keys = [c.name for c in copy.target.columns if c.key]
        with suppress(sqlite3.OperationalError, TypeError):
            values = self._at(table, listed(keys), row)
            return ", ".join(f"{k} {v!r}" for k, v in zip(keys, values, strict=True))
        return f"row {row}"

    def _at(self, table: str, columns: str, row: int) -> tuple[object, ...]:
        found = self._connection.execute(
            f"SELECT {columns} FROM {table} NOT INDEXED LIMIT 1 OFFSET ?", [row - 1]
        ).fetchone()
        return tuple(found)

    def _require_sound(self) -> None:
        (said,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise _damaged(self.path, str(said))

    def _tables(self) -> list[tuple[str]]:
        return self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
            " ESCAPE '\\' ORDER BY name"
        ).fetchall()

    def _why_not(self) -> dict[str, str]:
        rows = self._connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        virtual = {str(name) for name, sql in rows if sql and _VIRTUAL.match(sql)}
        shadows = {f"{name}{end}" for name in virtual for end in _SHADOWS}
        return dict.fromkeys((*virtual, *shadows), _UNREADABLE)

    def _described(self, name: Name, why_not: str | None) -> SourceTable:
        if why_not is not None:
            return SourceTable(name, (), 0, why_not=why_not)
        table = quoted(name.table)
        columns = tuple(
            SourceColumn(str(column), str(declared))
            for _, column, declared, _, _, _, hidden in self._connection.execute(
                f"PRAGMA table_xinfo({table})"
            )
            if hidden != _HIDDEN
        )
        (rows,) = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return SourceTable(name, columns, int(rows), last_value=self._last_value(name))

    def _last_value(self, name: Name) -> int | None:
        """The highest rowid that an AUTOINCREMENT table ever had."""
        with suppress(sqlite3.OperationalError):  # no such table: nothing is AUTOINCREMENT
            found = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = ?", [name.table]
            ).fetchone()
            if found is not None and isinstance(found[0], int):
                return found[0]
        return None

    def _migrations(self, found: Sequence[Name]) -> dict[str, frozenset[str]]:
        made = {}
        there = {name.table for name in found}
        for table, columns in bookkeeping.MIGRATIONS.items():
            if table in there:
                with suppress(sqlite3.OperationalError):  # another table of that name
                    rows = self._connection.execute(f"SELECT {listed(columns)} FROM {table}")
                    made[table] = frozenset(".".join(map(str, row)) for row in rows)
        return made

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Text that is not UTF-8 is given all the same, such that it can be told."""
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            yield
        finally:
            self._connection.text_factory = str


@dataclass
class _Feed:
    """A table's rows, made into PostgreSQL's."""

    source: SqliteSource
    copy: Copy
    _rows: int = field(default=0, init=False)
    _digest: int = field(default=0, init=False)
    _compares: bool = field(default=False, init=False)

    def blocks(self) -> Iterator[Block]:
        batches = Batches(self.copy, self.source._zone)
        self._compares = batches.compares
        with _clearly(self.source.path):
            for block in self.source.blocks(self.copy, batches):
                self._rows += block.rows
                self._digest += block.digest
                yield block

    def tally(self) -> Tally:
        return Tally(self._rows, self._digest if self._compares and self._rows else None)

    def where(self, row: int) -> str:
        return self.source.where(self.copy, row)


@contextmanager
def opened(path: Path, zone: tzinfo) -> Iterator[SqliteSource]:
    """A SQLite file, read-only, in one snapshot.

    Raises:
        TenfoldError: it cannot be read; says why.
    """
    with _clearly(path):
        connection = _begun(path)
    try:
        yield SqliteSource(path, connection, zone)
    finally:
        connection.close()


def _begun(path: Path) -> sqlite3.Connection:
    try:
        return _session(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # A file with a log wants to write beside itself. Where it may not, and has no log, nobody
        # writes to it.
        wal = path.with_name(f"{path.name}-wal")
        if error.sqlite_errorname != "SQLITE_CANTOPEN" or not path.exists() or wal.exists():
            raise
        return _session(path, "mode=ro&immutable=1")


def _session(path: Path, how: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fspath(path.absolute()))}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


class Undecodable(Exception):
    """There is text that is not UTF-8 in a table; a survey finds where."""


@contextmanager
def _clearly(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        _raise(path, error)


def _raise(path: Path, error: sqlite3.DatabaseError) -> NoReturn:
    said = str(error)
    if said.startswith(_NOT_TEXT):
        raise Undecodable from error
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith("SQLITE_NOTADB"):
        raise Refused(
            f"{path} is no SQLite database, or an encrypted one", next="name the file itself"
        ) from error
    if code.startswith("SQLITE_CORRUPT"):
        raise _damaged(path, said) from error
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        raise Refused(
            f"{path} is locked: a program has been writing to it for {BUSY_SECONDS:g} s",
            next="stop the program that uses it, then give the command again",
        ) from error
    if code.startswith("SQLITE_READONLY"):
        raise Refused(
            f"{path.name}-journal beside {path}: whoever wrote to it was cut off, or is at work",
            next=f"let that program end; or have SQLite take back what it began:\n"
            f"sqlite3 {path} 'select count(*) from sqlite_master'",
        ) from error
    raise TenfoldError(f"{path} cannot be read", detail=said) from error


def _damaged(path: Path, said: str) -> Refused:
    return Refused(
        f"{path} is damaged, or a part of it is missing",
        detail=said,
        next="copy it anew, together with the files beside it that begin with its name; or have\n"
        f"SQLite save what can be saved:  sqlite3 {path} .recover | sqlite3 saved.sqlite3",
    )
