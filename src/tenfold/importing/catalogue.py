"""Reads what a PostgreSQL database is made of: tables, columns, keys, sequences, migrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg

from tenfold.engines.postgresql.login import Connection
from tenfold.importing import bookkeeping
from tenfold.importing.model import (
    Column,
    ForeignKey,
    Name,
    Numbers,
    Schema,
    Table,
    Trigger,
    Type,
)
from tenfold.importing.names import listed, qualified
from tenfold.importing.tally import rows_of

# Whatever is the user's: no system schema, nothing temporary, nothing that an extension brought.
_OURS: Final = """
       n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES: Final = f"""
SELECT n.nspname, c.relname, pg_has_role(c.relowner, 'USAGE'),
       has_table_privilege(c.oid, 'SELECT'),
       c.relrowsecurity AND c.relforcerowsecurity, c.relispartition, c.relkind = 'p'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS} ORDER BY 1, 2
"""
_COLUMNS: Final = f"""
WITH RECURSIVE made(type, base, modifier) AS (
       SELECT oid, oid, -1 FROM pg_type WHERE typtype <> 'd'
        UNION ALL
       SELECT t.oid, made.base, greatest(t.typtypmod, made.modifier)
         FROM pg_type t JOIN made ON t.typbasetype = made.type WHERE t.typtype = 'd')
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), b.typname,
       greatest(a.atttypmod, made.modifier),
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = b.oid
              ORDER BY e.enumsortorder),
       a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
                  AND a.attnum = ANY (i.indkey))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN made ON made.type = a.atttypid JOIN pg_type b ON b.oid = made.base
 WHERE {_OURS} ORDER BY c.oid, a.attnum
"""
_NAMES: Final = """ARRAY(SELECT a.attname::text
       FROM unnest({keys}) WITH ORDINALITY k(number, place)
       JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.number ORDER BY k.place)"""
_FOREIGN_KEYS: Final = f"""
SELECT f.conname, n.nspname, c.relname, {_NAMES.format(keys="f.conkey", table="f.conrelid")},
       m.nspname, o.relname, {_NAMES.format(keys="f.confkey", table="f.confrelid")},
       pg_get_constraintdef(f.oid)
  FROM pg_constraint f
  JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class o ON o.oid = f.confrelid JOIN pg_namespace m ON m.oid = o.relnamespace
 WHERE f.contype = 'f' AND f.conparentid = 0 ORDER BY 2, 3, 1
"""
_TRIGGERS: Final = f"""
SELECT t.tgname, n.nspname, c.relname, t.tgenabled::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {_OURS} ORDER BY 2, 3, 1
"""
# What a column owns (serial, identity), and what its default asks for the next value.
_SEQUENCES: Final = f"""
SELECT DISTINCT ON (s.oid) m.nspname, s.relname, n.nspname, c.relname, a.attname,
       q.seqincrement, q.seqmax, q.seqmin
  FROM pg_class s JOIN pg_namespace m ON m.oid = s.relnamespace
  JOIN pg_sequence q ON q.seqrelid = s.oid
  JOIN (SELECT objid AS sequence, refobjid AS relation, refobjsubid AS number FROM pg_depend
         WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
           AND deptype IN ('a', 'i') AND refobjsubid > 0
         UNION ALL
        SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend d
          JOIN pg_attrdef f ON f.oid = d.objid
         WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
       ) used ON used.sequence = s.oid
  JOIN pg_class c ON c.oid = used.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = used.number
 WHERE s.relkind = 'S' AND {_OURS} ORDER BY s.oid
"""


def read(connection: Connection, *, counted: bool = True) -> Schema:
    """Everything, as this session's role sees it; ``counted``: tables with their rows.

    Of a table that it may not read it does not know how many; nor will it write there, since that
    belongs to another role.
    """
    columns = _columns(connection)
    tables = []
    for schema, table, owned, read, guarded, partition, divided in _rows(connection, _TABLES):
        name = Name(str(table), str(schema))
        found = Table(
            name,
            columns.get(name, ()),
            owned=bool(owned),
            guarded=bool(guarded),
            partition=bool(partition),
            divided=bool(divided),
        )
        tables.append(_with_rows(connection, found) if counted and read else found)
    names = {t.name for t in tables}
    return Schema(
        tables=tuple(tables),
        foreign_keys=tuple(_foreign_key(row) for row in _rows(connection, _FOREIGN_KEYS)),
        triggers=tuple(
            Trigger(str(name), Name(str(table), str(schema)), str(enabled))
            for name, schema, table, enabled in _rows(connection, _TRIGGERS)
        ),
        sequences=tuple(_sequence(row) for row in _rows(connection, _SEQUENCES)),
        migrations=_migrations(connection, names),
    )


def count(connection: Connection, table: Table) -> int:
    """How many rows there are."""
    (row,) = _rows(connection, f"SELECT count(*) FROM {rows_of(table)}")
    return int(row[0])


def last_values(connection: Connection) -> Mapping[Name, int]:
    """What every sequence of the user's gave last."""
    rows = _rows(
        connection,
        "SELECT schemaname, sequencename, last_value FROM pg_sequences"
        " WHERE last_value IS NOT NULL",
    )
    return {Name(str(name), str(schema)): int(value) for schema, name, value in rows}


def _with_rows(connection: Connection, table: Table) -> Table:
    return replace(table, rows=count(connection, table))


def _columns(connection: Connection) -> dict[Name, tuple[Column, ...]]:
    found: dict[Name, list[Column]] = {}
    for row in _rows(connection, _COLUMNS):
        schema, table, name, text, base, modifier, labels, not_null, given, computed, key = row
        of = Type(str(text), str(base), int(modifier), tuple(map(str, labels)))
        found.setdefault(Name(str(table), str(schema)), []).append(
            Column(str(name), of, bool(not_null), bool(given) and not computed, bool(computed), key)
        )
    return {name: tuple(columns) for name, columns in found.items()}


def _foreign_key(row: Sequence[Any]) -> ForeignKey:
    name, schema, table, columns, other_schema, other, other_columns, definition = row
    return ForeignKey(
        str(name),
        Name(str(table), str(schema)),
        tuple(columns),
        Name(str(other), str(other_schema)),
        tuple(other_columns),
        str(definition),
    )


def _sequence(row: Sequence[Any]) -> Numbers:
    schema, name, table_schema, table, column, increment, maximum, minimum = row
    return Numbers(
        Name(str(name), str(schema)),
        Name(str(table), str(table_schema)),
        str(column),
        int(increment),
        int(maximum),
        int(minimum),
    )


def _migrations(connection: Connection, names: set[Name]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name in sorted(names, key=str):
        columns = bookkeeping.MIGRATIONS.get(name.table)
        if columns is None:
            continue
        try:
            with connection.transaction():
                rows = _rows(connection, f"SELECT {listed(columns)} FROM {qualified(name)}")
        except psycopg.errors.UndefinedColumn:  # another table of that name
            continue
        found[name.table] = frozenset(".".join(map(str, row)) for row in rows)
    return found


def _rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()
