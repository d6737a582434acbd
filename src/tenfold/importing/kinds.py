"""Which kind of values a PostgreSQL type takes, and its limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.importing.model import Kind, Type

_KINDS: Mapping[str, Kind] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "bool": "boolean",
    "numeric": "numeric",
    "float4": "float",
    "float8": "float",
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "citext": "text",
    "bytea": "bytes",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "interval": "interval",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "jsonb",
    "inet": "network",
    "cidr": "network",
}
_INTEGER_BYTES = {"int2": 2, "int4": 4, "int8": 8}
_HEADER = 4
"""PostgreSQL adds its size to the modifiers of types of variable length."""


def kind(of: Type) -> Kind:
    """The kind of a type; an enum is text."""
    return "text" if of.labels else _KINDS.get(of.base, "other")


def bounds(of: Type) -> tuple[int, int]:
    """The smallest and the largest whole number that an integer type takes."""
    most = 1 << (8 * _INTEGER_BYTES[of.base] - 1)
    return -most, most - 1


def length(of: Type) -> int | None:
    """How many characters a text type takes; ``None`` for any number."""
    limited = of.base in ("varchar", "bpchar") and of.modifier >= _HEADER
    return of.modifier - _HEADER if limited else None


def precision(of: Type) -> tuple[int, int] | None:
    """Digits in all, and behind the point, that a numeric type takes; ``None`` for any number."""
    if of.base != "numeric" or of.modifier < _HEADER:
        return None
    packed = of.modifier - _HEADER
    scale = ((packed & 0x7FF) ^ 1024) - 1024  # of eleven bits, with a sign since PostgreSQL 15
    return (packed >> 16) & 0xFFFF, scale


def fraction(of: Type) -> int:
    """Digits of a second that a type of dates and times keeps."""
    if of.modifier < 0:
        return 6
    # An interval's modifier has its fields in the upper half.
    digits = of.modifier & 0xFFFF
    return min(digits, 6)
