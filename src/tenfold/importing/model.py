"""Tables of a source, tables of the app's database, and what goes from here to there.

Pure values. A *source* is a SQLite file, a PostgreSQL database or a dump of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "integer", "boolean", "numeric", "float", "text", "bytes", "date", "time", "timestamp",
    "timestamptz", "interval", "uuid", "json", "jsonb", "network", "other",
]  # fmt: skip
"""What a column holds, as far as values are concerned; ``other`` is what only PostgreSQL reads."""

Flavour = Literal["sqlite", "server", "dump"]
"""Whose values a source has: SQLite's, which are made into PostgreSQL's; a PostgreSQL server's,
which can be asked; or those that a dump has as text.
"""


@dataclass(frozen=True, slots=True)
class Type:
    """A PostgreSQL type. ``base`` is what a domain is made of, ``text`` how the type is written.

    ``modifier`` is PostgreSQL's, -1 for none; ``labels`` are an enum's.
    """

    text: str
    base: str
    modifier: int = -1
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the app's database. One that is ``computed`` is never written to."""

    name: str
    type: Type
    not_null: bool = False
    has_default: bool = False
    computed: bool = False
    key: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A table's name; a SQLite file has no schemas."""

    table: str
    schema: str | None = None

    def __str__(self) -> str:
        return self.table if self.schema in (None, "public") else f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key as PostgreSQL writes it; ``table`` refers to ``other``."""

    name: str
    table: Name
    columns: tuple[str, ...]
    other: Name
    other_columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of the app's own making. ``enabled`` is PostgreSQL's letter: O, D, R or A."""

    name: str
    table: Name
    enabled: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """What gives a column its next value."""

    name: Name
    table: Name
    column: str
    increment: int
    maximum: int
    minimum: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the app's database, partitions included. ``rows``: how many there are."""

    name: Name
    columns: tuple[Column, ...]
    rows: int = 0
    owned: bool = True
    guarded: bool = False
    """Row security keeps its own owner out as well."""
    partition: bool = False
    divided: bool = False
    """Its rows are in its partitions."""

    def column(self, name: str) -> Column | None:
        """The column of this name."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything about a PostgreSQL database that an import goes by.

    ``migrations`` is what its migrations wrote about themselves, by table.
    """

    tables: tuple[Table, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    sequences: tuple[Numbers, ...] = ()
    migrations: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def table(self, name: Name) -> Table | None:
        """The table of this name."""
        return next((t for t in self.tables if t.name == name), None)


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a source; ``type`` as it is declared there, empty for none or where unknown."""

    name: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of a source. ``last_value``: the highest number that a row of it ever had, if kept.

    ``why_not``: it is nothing to copy, in words.
    """

    name: Name
    columns: tuple[SourceColumn, ...]
    rows: int
    last_value: int | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps an import from being begun, and the way out."""

    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a source has.

    ``migrations`` as in :class:`Schema`; ``last_values`` are sequences' as they stand; ``notes``
    and ``problems`` are the source's own.
    """

    flavour: Flavour
    tables: tuple[SourceTable, ...]
    migrations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    last_values: Mapping[Name, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A column of the source, and the one that takes its values."""

    source: SourceColumn
    target: Column


@dataclass(frozen=True, slots=True)
class Copy:
    """One table's rows on their way. ``replaces``: so many that are there are deleted before."""

    source: SourceTable
    target: Table
    pairs: tuple[Pair, ...]
    replaces: int = 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are written, in the order of the pairs."""
        return tuple(pair.target for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does, table by table.

    ``left_out`` are tables and columns of the source that are not copied, each with the reason.
    """

    copies: tuple[Copy, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def rows(self) -> int:
        """How many there are to copy."""
        return sum(copy.source.rows for copy in self.copies)

    @property
    def written(self) -> frozenset[Name]:
        """The tables that are written to."""
        return frozenset(copy.target.name for copy in self.copies)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a table holds: so many rows, and a digest of their values in any order.

    ``digest`` is ``None`` where values are not compared.
    """

    rows: int
    digest: int | None = None
