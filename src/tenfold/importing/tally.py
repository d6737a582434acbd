"""What a table holds, in one number that its source and PostgreSQL work out apart. Pure.

A row's values, as text in one form, are hashed together (SHA-256, of which 64 bits are kept), and
the hashes of all rows added up, so that their order does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from tenfold.importing import kinds
from tenfold.importing.model import Column, Flavour, Table
from tenfold.importing.names import qualified, quoted

OLDEST_MAJOR = 13
"""The first version of PostgreSQL that has every function that is asked for here."""
UNIT = "\x1f"
"""Stands between values."""
NOTHING = "\x1e"
"""Stands for NULL."""

SETTINGS = (
    "SET client_encoding = 'UTF8'",
    "SET TimeZone = 'UTC'",
    "SET DateStyle = 'ISO'",
    "SET IntervalStyle = 'postgres'",
    "SET bytea_output = 'hex'",
    "SET extra_float_digits = 1",
)
"""What a session has to have for its texts to be in the one form."""

# Their text is the same wherever and whenever a dump was made.
_STEADY = frozenset({
    "name", "oid", "bit", "varbit", "macaddr", "macaddr8", "tsvector", "tsquery", "hstore", "ltree",
    "xml", "int4range", "int8range", "numrange", "daterange", "_bool", "_int2", "_int4", "_int8",
    "_text", "_varchar", "_bpchar", "_uuid", "_date", "_numeric", "_jsonb",
})  # fmt: skip


def digest(lines: Iterable[bytes]) -> int:
    """Of rows in the one form."""
    sha256, number = hashlib.sha256, int.from_bytes
    return sum(number(sha256(line).digest()[:8], "big", signed=True) for line in lines)


def compared(column: Column, flavour: Flavour) -> bool:
    """Whether values of this column can be compared with a source of this flavour."""
    if kinds.kind(column.type) != "other" or flavour == "server":
        return True
    return flavour == "dump" and column.type.base in _STEADY


def query(rows: str, columns: Sequence[Column], flavour: Flavour) -> str:
    """SQL for a session with :data:`SETTINGS` that gives the number of rows and their digest.

    ``rows`` is what stands behind FROM, and has these columns. The digest is NULL for no rows, and
    where there is no column to compare.
    """
    told = [expression(c, flavour) for c in columns if compared(c, flavour)]
    if not told:
        return f"SELECT count(*), NULL FROM {rows}"
    line = f"array_to_string(ARRAY[{', '.join(told)}]::text[], E'\\x1f', E'\\x1e')"
    hashed = f"encode(sha256(convert_to({line}, 'UTF8')), 'hex')"
    number = f"('x' || left({hashed}, 16))::bit(64)::bigint"
    return f"SELECT count(*), sum({number}) FROM {rows}"


def rows_of(table: Table) -> str:
    """A table as what holds rows: without the rows of tables that inherit from it."""
    return qualified(table.name) if table.divided else f"ONLY {qualified(table.name)}"


def expression(column: Column, flavour: Flavour) -> str:
    """SQL for a column's value in the one form."""
    name = quoted(column.name)
    match kinds.kind(column.type):
        case "boolean":
            return f"left({name}::text, 1)"
        case "numeric":
            return f"trim_scale({name})::text"
        case "float":
            send = "float4send" if column.type.base == "float4" else "float8send"
            return f"encode({send}({name}), 'hex')"
        case "network":
            return f"encode(inet_send({name}::inet), 'hex')"
        case "interval" if flavour == "sqlite":
            return f"(extract(epoch FROM {name}) * 1000000)::bigint::text"
    return f"{name}::text"
