"""Which table's rows go where: a source's contents matched with the app's tables. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tenfold.importing import bookkeeping, kinds
from tenfold.importing.model import (
    Column,
    Contents,
    Copy,
    Flavour,
    Name,
    Pair,
    Plan,
    Problem,
    Schema,
    SourceColumn,
    SourceTable,
    Table,
)
from tenfold.observe.report.figures import count

_Named = TypeVar("_Named")
_READ_BY_POSTGRESQL: Final = "is read by PostgreSQL alone, and not compared"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who imports said.

    ``skip`` are tables and ``table.column``\\ s of the source that are left out, ``replace`` tables
    whose rows may be deleted for those of the source.
    """

    skip: frozenset[str] = frozenset()
    replace: frozenset[str] = frozenset()
    despite_migrations: bool = False


@dataclass
class _Found:
    copies: list[Copy] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def match(schema: Schema, contents: Contents, wishes: Wishes) -> Plan:
    """The plan, with everything that stands in its way among its problems."""
    found = _Found()
    for table in contents.tables:
        _table(table, schema, contents.flavour, wishes, found)
    if not wishes.despite_migrations:
        found.problems += bookkeeping.differences(contents.migrations, schema.migrations)
    found.problems += _twice(found.copies)
    found.problems += _silenced(found.copies)
    found.notes += _triggers(schema, found.copies)
    found.notes += _untouched(schema, found.copies)
    return Plan(
        copies=tuple(found.copies),
        left_out=tuple(found.left_out),
        notes=(*contents.notes, *found.notes),
        problems=(*contents.problems, *found.problems),
    )


def unknown(wishes: Wishes, schema: Schema, contents: Contents) -> tuple[str, ...]:
    """Names among the wishes that neither the source has nor, to replace, the app's database."""
    there = {str(table.name) for table in contents.tables}
    there |= {f"{t.name}.{c.name}" for t in contents.tables for c in t.columns}
    own = {str(table.name) for table in schema.tables}
    return (*sorted(wishes.skip - there), *sorted(wishes.replace - own))


def _table(
    source: SourceTable, schema: Schema, flavour: Flavour, wishes: Wishes, found: _Found
) -> None:
    name = str(source.name)
    reason = _left_out(source, wishes)
    if reason is not None:
        found.left_out.append((name, reason))
        return
    target = _target(source.name, schema.tables)
    if target is None:
        if source.rows:
            what = f"{name} has {count(source.rows, 'row')}, and the app's database no such table"
            found.problems.append(Problem(what, f"--skip {name}    leaves them out"))
        else:
            found.left_out.append((name, "empty, and the app's database has no such table"))
        return
    if target.rows and not source.rows and str(target.name) not in wishes.replace:
        there = count(target.rows, "row")
        found.left_out.append((name, f"empty; what is there ({there}) stays"))
        return
    if target.rows and not _gives_way(target, wishes):
        found.problems.append(_taken(target))
    pairs = tuple(_pairs(source, target, flavour, wishes, found))
    if not pairs:
        found.problems.append(Problem(f"{name} has no column that {target.name} has"))
        return
    found.copies.append(Copy(source, target, pairs, replaces=target.rows))


def _gives_way(target: Table, wishes: Wishes) -> bool:
    """Whether the rows that a table has may be deleted."""
    made = target.name.table in bookkeeping.MADE_BY_MIGRATIONS
    return made or str(target.name) in wishes.replace


def _left_out(source: SourceTable, wishes: Wishes) -> str | None:
    if source.why_not is not None:
        return source.why_not
    if str(source.name) in wishes.skip:
        return "as you said"
    if bookkeeping.stays(source.name.table):
        return "the app's own stays: it says which migrations ran here"
    return None


def _target(name: Name, tables: Sequence[Table]) -> Table | None:
    """The one that is called the same: schema included, or the only one, whatever its case."""
    exact = [t for t in tables if t.name == Name(name.table, name.schema or "public")]
    if exact:
        return exact[0]
    if name.schema not in (None, "public"):
        return None
    return _only([t for t in tables if t.name.table == name.table]) or _only(
        [t for t in tables if t.name.table.casefold() == name.table.casefold()]
    )


def _only(found: Sequence[_Named]) -> _Named | None:
    return found[0] if len(found) == 1 else None


def _pairs(
    source: SourceTable, target: Table, flavour: Flavour, wishes: Wishes, found: _Found
) -> Iterator[Pair]:
    taken: set[str] = set()
    for column in source.columns:
        name = f"{source.name}.{column.name}"
        if name in wishes.skip:
            found.left_out.append((name, "as you said"))
            continue
        other = _column(column, target)
        if other is None and not source.rows:
            continue
        if other is None:
            what = f"{name} has no column to go to in the app's database"
            found.problems.append(Problem(what, f"--skip {name}    leaves it out"))
            continue
        taken.add(other.name)
        if other.computed:
            found.left_out.append((name, "the database computes it"))
            continue
        if flavour == "sqlite" and kinds.kind(other.type) == "other":
            found.notes.append(f"{name} ({other.type.text}) {_READ_BY_POSTGRESQL}")
        yield Pair(column, other)
    if source.rows:
        found.problems += (_lacking(source, c) for c in target.columns if _lacks(c, taken))


def _column(column: SourceColumn, target: Table) -> Column | None:
    return target.column(column.name) or _only(
        [c for c in target.columns if c.name.casefold() == column.name.casefold()]
    )


def _lacks(column: Column, taken: Collection[str]) -> bool:
    """Whether rows without a value for this column cannot be."""
    given = column.has_default or column.computed or not column.not_null
    return not given and column.name not in taken


def _lacking(source: SourceTable, column: Column) -> Problem:
    return Problem(
        f"{source.name} has no {column.name}, and the app's database takes no row without",
        "migrate the source with the app's present code first",
    )


def _taken(target: Table) -> Problem:
    return Problem(
        f"{target.name} has {count(target.rows, 'row')} already",
        f"--replace {target.name}    deletes them, in the same transaction; --skip leaves them",
    )


def _twice(copies: Sequence[Copy]) -> Iterator[Problem]:
    """Tables of a source whose names differ in nothing that PostgreSQL's table can tell."""
    seen: dict[Name, Copy] = {}
    for copy in copies:
        other = seen.setdefault(copy.target.name, copy)
        if other is not copy:
            what = f"{other.source.name} and {copy.source.name} would both go to {copy.target.name}"
            yield Problem(what, f"--skip {copy.source.name}    leaves one out")


def _silenced(copies: Sequence[Copy]) -> Iterator[Problem]:
    for copy in copies:
        if copy.target.guarded:
            yield Problem(
                f"{copy.target.name} has row security that its owner has to obey as well",
                f"alter table {copy.target.name} no force row level security    until it is done",
            )
        elif not copy.target.owned:
            yield Problem(
                f"{copy.target.name} belongs to another role than the one that would import",
                "import as the role that owns the tables",
            )


def _triggers(schema: Schema, copies: Sequence[Copy]) -> Iterator[str]:
    written = {copy.target.name for copy in copies}
    for trigger in schema.triggers:
        if trigger.table in written and trigger.enabled != "D":
            yield f"trigger {trigger.name} of {trigger.table} does not fire for these rows"


def _untouched(schema: Schema, copies: Sequence[Copy]) -> Iterator[str]:
    written = {copy.target.name for copy in copies}
    others = [
        str(table.name)
        for table in schema.tables
        if table.name not in written
        and not table.partition
        and not bookkeeping.stays(table.name.table)
    ]
    if others:
        yield f"not in the source, and left as they are: {', '.join(sorted(others))}"
