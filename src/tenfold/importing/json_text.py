"""JSON as PostgreSQL's ``jsonb`` writes it, so that a value can be compared as text. Pure.

Rules: https://www.postgresql.org/docs/current/datatype-json.html; of equal keys the last one
counts, keys are in the order of their length in bytes and then of their bytes.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

_ESCAPES = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    '"': '\\"',
    "\\": "\\\\",
}
_SPECIAL = re.compile(r'[\x00-\x1f"\\]')
_LONGEST_NUMBER = 1000
"""Exponents beyond it are told as misfits rather than written out."""


class NoJson(ValueError):
    """A text that is none, with the reason as its text."""


def check(text: str) -> None:
    """See that it is JSON as PostgreSQL's ``json`` reads it. Raises :class:`NoJson`."""
    _load(text)


def canonical(text: str) -> str:
    """What ``text::jsonb::text`` is in PostgreSQL.

    Raises:
        NoJson: ``jsonb`` would not take it.
    """
    return _written(_load(text))


def _load(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=Decimal, parse_int=Decimal)
    except NoJson:
        raise
    except RecursionError:
        raise NoJson("is nested too deeply") from None
    except (ValueError, ArithmeticError):
        raise NoJson("is no JSON") from None


def _no_number(name: str) -> Any:
    raise NoJson(f"has {name}, which JSON does not know")


def _written(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return _number(value)
        case str():
            return _string(value)
        case list():
            return f"[{', '.join(map(_written, value))}]"
    members = sorted(value.items(), key=lambda member: _order(member[0]))
    return "{" + ", ".join(f"{_string(k)}: {_written(v)}" for k, v in members) + "}"


def _order(key: str) -> tuple[int, bytes]:
    encoded = key.encode("utf-8", "surrogatepass")
    return len(encoded), encoded


def _number(value: Decimal) -> str:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _LONGEST_NUMBER:
        raise NoJson("has a number with too large an exponent")
    return format(value.copy_abs() if value.is_zero() else value, "f")


def _string(text: str) -> str:
    if "\0" in text:
        raise NoJson("has \\u0000 in a text, which PostgreSQL cannot keep")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise NoJson("has half of a surrogate pair (\\ud800 to \\udfff)")
    return f'"{_SPECIAL.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"
