"""Columns of a PostgreSQL table as an import sees them, by how their types are written."""

from __future__ import annotations

import re

from tenfold.importing.model import Column, Type

BASES = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "boolean": "bool",
    "double precision": "float8",
    "real": "float4",
    "character varying": "varchar",
    "character": "bpchar",
    "time without time zone": "time",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
LABELS = ("sad", "happy")
_SIZES = re.compile(r"\((\d+)(?:,(\d+))?\)")


def column(of: str, name: str = "c", *, not_null: bool = False, **more: bool) -> Column:
    """A column of this type; ``mood`` is an enum of :data:`LABELS`."""
    return Column(name, type_(of), not_null=not_null, **more)


def type_(of: str) -> Type:
    """The type that PostgreSQL writes so."""
    if of == "mood":
        return Type(of, of, labels=LABELS)
    sizes = _SIZES.search(of)
    bare = _SIZES.sub("", of)
    base = BASES.get(bare, bare)
    if sizes is None:
        return Type(of, base)
    size = int(sizes[1])
    if base == "numeric":
        return Type(of, base, ((size << 16) | int(sizes[2] or 0)) + 4)
    return Type(of, base, size if base.startswith("time") else size + 4)
