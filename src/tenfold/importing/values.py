"""SQLite's values as a PostgreSQL column takes them, or why it cannot. Pure.

SQLite puts anything into any column, so every value is looked at: ``taker(column, zone)`` gives a
function from a value to the text that PostgreSQL writes for it. What PostgreSQL would round, cut
off or read in its own way is a :class:`Misfit` here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from typing import Final
from uuid import UUID

from tenfold.importing import json_text, kinds, moments, values_numbers, values_times
from tenfold.importing.misfit import Misfit, Taker, Value
from tenfold.importing.model import Column, Type

_HEX = re.compile(r"[0-9a-fA-F]{32}")


def taker(column: Column, zone: tzinfo) -> Taker:
    """What turns a value that is not NULL into PostgreSQL's text for it, or raises a misfit.

    Args:
        column: that takes it.
        zone: of moments that do not say theirs.
    """
    made = _BY_KIND.get(kinds.kind(column.type), _other)(column.type, zone)

    def take(value: Value) -> str:
        try:
            return made(value)
        except (moments.NoMoment, json_text.NoJson) as error:
            raise Misfit(str(error)) from None

    return take


def canonical(of: Type) -> Callable[[str], str] | None:
    """What turns a taken text into what :mod:`.tally` compares; ``None`` where it is the same.

    Of ``jsonb`` it is this that raises :class:`.json_text.NoJson` for what is none.
    """
    match kinds.kind(of):
        case "float":
            return partial(values_numbers.float_bytes, code=">f" if of.base == "float4" else ">d")
        case "jsonb":
            return json_text.canonical
        case "network":
            return address_bytes
        case "interval":
            return values_times.microseconds
        case "text" if of.base == "bpchar":
            return _without_padding
    return None


def _text(of: Type, zone: tzinfo) -> Taker:
    if of.labels:
        return _enum(of)
    most = kinds.length(of)
    padded = of.base == "bpchar"

    def take(value: Value) -> str:
        text = _plain(value)
        if most is not None and len(text.rstrip(" ") if padded else text) > most:
            raise Misfit(f"has {len(text)} characters, and {of.text} takes {most}")
        return text

    return take


def _plain(value: Value) -> str:
    match value:
        case bytes():
            raise Misfit("is bytes (a BLOB), not text")
        case str():
            if "\0" in value:
                raise Misfit("has a NUL character in it, which PostgreSQL cannot keep")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Misfit("is not UTF-8 text") from None
            return value
    return repr(value)


def _enum(of: Type) -> Taker:
    known = frozenset(of.labels)

    def take(value: Value) -> str:
        if value not in known:
            raise Misfit(f"is none of {', '.join(of.labels)}")
        return str(value)

    return take


def _without_padding(text: str) -> str:
    return text.rstrip(" ")


def _bytes(of: Type, zone: tzinfo) -> Taker:
    def take(value: Value) -> str:
        if not isinstance(value, bytes):
            raise Misfit("is no bytes (a BLOB)")
        return f"\\x{value.hex()}"

    return take


def _uuid(of: Type, zone: tzinfo) -> Taker:
    def take(value: Value) -> str:
        match value:
            case str() if _HEX.fullmatch(value):
                text = value.lower()
                return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
            case str():
                try:
                    return str(UUID(value.strip()))
                except ValueError:
                    raise Misfit("is no UUID") from None
            case bytes() if len(value) == 16:
                return str(UUID(bytes=value))
        raise Misfit("is no UUID")

    return take


def _json(of: Type, zone: tzinfo) -> Taker:
    # A column that is declared JSON has SQLite make numbers of texts that look like some.
    if of.base == "jsonb":
        return _plain  # whether it is JSON, canonical() finds out

    def take(value: Value) -> str:
        text = _plain(value)
        json_text.check(text)
        return text

    return take


def _network(of: Type, zone: tzinfo) -> Taker:
    cidr = of.base == "cidr"

    def take(value: Value) -> str:
        text = _plain(value).strip()
        try:
            found = ipaddress.ip_network(text) if cidr else ipaddress.ip_interface(text)
        except ValueError:
            raise Misfit(f"is no {of.base} address") from None
        return found.with_prefixlen

    return take


def address_bytes(text: str) -> str:
    """As ``inet_send`` gives an ``inet``; a ``cidr`` is compared as one."""
    found = ipaddress.ip_interface(text)
    family = 2 if found.version == 4 else 3
    head = bytes((family, found.network.prefixlen, 0, len(found.packed)))
    return (head + found.packed).hex()


def _other(of: Type, zone: tzinfo) -> Taker:
    return _plain


_BY_KIND: Final[dict[str, Callable[[Type, tzinfo], Taker]]] = {
    "integer": values_numbers.integer,
    "boolean": values_numbers.boolean,
    "numeric": values_numbers.numeric,
    "float": values_numbers.floating,
    "text": _text,
    "bytes": _bytes,
    "date": values_times.day,
    "time": values_times.time_of_day,
    "timestamp": values_times.moment,
    "timestamptz": values_times.moment,
    "interval": values_times.interval,
    "uuid": _uuid,
    "json": _json,
    "jsonb": _json,
    "network": _network,
}
