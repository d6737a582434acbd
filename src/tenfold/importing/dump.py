"""A dump of ``pg_dump`` as a source."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from tenfold.importing import bookkeeping, statements
from tenfold.importing.batches import Block
from tenfold.importing.dump_sql import DumpFile, Rows, Sql, parts
from tenfold.importing.lines import Lines, unescaped
from tenfold.importing.model import (
    Column,
    Contents,
    Copy,
    Name,
    Problem,
    SourceColumn,
    SourceTable,
    Tally,
)
from tenfold.importing.source import Tell


@dataclass
class Scan:
    """What reading a dump once told."""

    contents: Contents
    extensions: tuple[str, ...]
    inserts: int


class DumpSource:
    """See :class:`tenfold.importing.source.Source`."""

    def __init__(self, file: DumpFile) -> None:
        self.file = file

    @property
    def name(self) -> str:
        """Its file."""
        return self.file.name

    def contents(self, tell: Tell) -> Contents:
        """See the protocol."""
        return self.scan(tell).contents

    def scan(self, tell: Tell) -> Scan:
        """Read it through once."""
        found = _Scanned()
        with self.file.opened(rows_only=False) as stream:
            for part in parts(stream, self.name):
                found.take(part, tell)
        return found.made()

    def feeds(self, copies: Sequence[Copy]) -> Generator[_Feed, None, None]:
        """See the protocol; a table of whose rows there are several blocks comes several times."""
        wanted = {copy.source.name: copy for copy in copies}
        so_far: dict[Name, list[int]] = {}
        with self.file.opened(rows_only=True) as stream:
            for part in parts(stream, self.name):
                if isinstance(part, Rows) and part.header.table in wanted:
                    copy = wanted[part.header.table]
                    yield _Feed(copy, part, so_far.setdefault(part.header.table, [0, 0]))

    def survey(self, copies: Sequence[Copy], tell: Tell) -> tuple[str, ...]:
        """Nothing: what PostgreSQL gave, PostgreSQL takes, or says itself what it does not."""
        return ()


@dataclass
class _Scanned:
    """What a scan has seen so far."""

    tables: dict[Name, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    migrations: dict[str, set[str]] = field(default_factory=dict)
    last_values: dict[Name, int] = field(default_factory=dict)
    extensions: list[str] = field(default_factory=list)
    inserts: int = 0

    def take(self, part: Sql | Rows, tell: Tell) -> None:
        if isinstance(part, Rows):
            self._rows(part, tell)
            return
        set_to = statements.last_value(part.text)
        if set_to is not None:
            self.last_values[set_to[0]] = set_to[1]
        extension = statements.extension(part.text)
        if extension is not None:
            self.extensions.append(extension)
        self.inserts += statements.inserts(part.text)

    def _rows(self, part: Rows, tell: Tell) -> None:
        table = part.header.table
        tell(f"reading {table}")
        keys = bookkeeping.MIGRATIONS.get(table.table, ())
        at = [part.header.columns.index(k) for k in keys if k in part.header.columns]
        rows = 0
        for lines in part.pieces():
            rows += len(lines)
            if at and len(at) == len(keys):
                self.migrations.setdefault(table.table, set()).update(
                    ".".join(unescaped(line.split(b"\t")[i]).decode() for i in at) for line in lines
                )
        _, before = self.tables.get(table, ((), 0))
        self.tables[table] = part.header.columns, before + rows

    def made(self) -> Scan:
        problems = []
        if self.inserts:
            problems.append(
                Problem(
                    f"it has {self.inserts:,} rows as INSERT statements, which cannot be matched",
                    "make it without --inserts; or  --whole",
                )
            )
        contents = Contents(
            "dump",
            tuple(
                SourceTable(name, tuple(map(SourceColumn, columns)), rows)
                for name, (columns, rows) in sorted(self.tables.items(), key=lambda t: str(t[0]))
            ),
            migrations={table: frozenset(found) for table, found in self.migrations.items()},
            last_values=self.last_values,
            problems=tuple(problems),
        )
        return Scan(contents, tuple(self.extensions), self.inserts)


@dataclass
class _Feed:
    """One block's rows. What the table has so far is in ``so_far``: rows, and their digest."""

    copy: Copy
    rows: Rows
    so_far: list[int]

    def blocks(self) -> Iterator[Block]:
        lines = Lines(self._takers())
        for piece in self.rows.pieces():
            block = lines.block(piece)
            self.so_far[0] += block.rows
            self.so_far[1] += block.digest
            yield block

    def tally(self) -> Tally:
        rows, digest = self.so_far
        compares = Lines(self._takers()).compares
        return Tally(rows, digest if rows and compares else None)

    def where(self, row: int) -> str:
        return f"line {self.rows.line + row} of the dump's SQL"

    def _takers(self) -> list[Column | None]:
        takers = {pair.source.name: pair.target for pair in self.copy.pairs}
        return [takers.get(name) for name in self.rows.header.columns]
