"""Numbers and truth values of SQLite's, as PostgreSQL takes them. Pure."""

from __future__ import annotations

import re
import struct
from datetime import tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Final

from tenfold.importing import kinds
from tenfold.importing.misfit import Misfit, Taker, Value
from tenfold.importing.model import Type

_EXACT: Final = Context(prec=2000)
_DOUBLE_DIGITS: Final = 15
"""So many decimal digits of a double are certain; the next ones may be noise of arithmetic."""
_WHOLE = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUE: Final = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE: Final = frozenset({"0", "f", "false", "n", "no", "off"})
_MOST_EXPONENT: Final = 10_000


def integer(of: Type, zone: tzinfo) -> Taker:
    """A whole number, also one that is written as text or with ``.0``."""
    least, most = kinds.bounds(of)

    def take(value: Value) -> str:
        number = _whole(value)
        if not least <= number <= most:
            raise Misfit(f"is out of range for {of.text}")
        return str(number)

    return take


def _whole(value: Value) -> int:
    match value:
        case int():
            return value
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case str() if _WHOLE.fullmatch(value.strip()):
            return _parsed(value)
    raise Misfit("is no whole number")


def _parsed(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # Python reads no more than some thousand digits
        raise Misfit("has too many digits") from None


def boolean(of: Type, zone: tzinfo) -> Taker:
    """0 and 1, or the words that PostgreSQL knows for them."""

    def take(value: Value) -> str:
        word = str(value).strip().lower() if isinstance(value, int | str) else ""
        if word in _TRUE:
            return "t"
        if word in _FALSE:
            return "f"
        raise Misfit("is neither true nor false (1 or 0)")

    return take


def numeric(of: Type, zone: tzinfo) -> Taker:
    """A decimal number, exactly; a double is read as the shortest decimal that it is."""
    limits = kinds.precision(of)

    def take(value: Value) -> str:
        quick = _short(value, limits)
        if quick is not None:
            return quick
        number = _decimal(value)
        if limits is None:
            return trimmed(format(number, "f"))
        digits, scale = limits
        if _places(number) > scale and isinstance(value, float):
            number = Decimal(format(value, f".{_DOUBLE_DIGITS}g"))
        if _places(number) > scale:
            raise Misfit(f"has more digits behind the point than {of.text} keeps")
        if not number.is_zero() and number.adjusted() >= digits - scale:
            raise Misfit(f"is too large for {of.text}")
        return trimmed(format(number, "f"))

    return take


def _short(value: Value, limits: tuple[int, int] | None) -> str | None:
    """What fits without a doubt, as most numbers do."""
    if limits is None or not isinstance(value, int | float):
        return None
    whole, _, fraction = repr(value).partition(".")
    digits, scale = limits
    if not fraction.isdecimal() or len(whole) > digits - scale:
        return whole if isinstance(value, int) and len(whole) <= digits - scale else None
    fraction = fraction.rstrip("0")
    if len(fraction) > scale:
        return None
    return f"{whole}.{fraction}" if fraction else "0" if whole == "-0" else whole


def _decimal(value: Value) -> Decimal:
    text = value.strip() if isinstance(value, str) else repr(value)
    if isinstance(value, bytes) or not _DECIMAL.fullmatch(text):
        raise Misfit("is no number")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Misfit("is no number") from None
    if abs(number.adjusted()) > _MOST_EXPONENT:
        raise Misfit("is out of range")
    return number


def _places(number: Decimal) -> int:
    """Digits behind the point; of 1200 it is -2."""
    exponent = number.normalize(_EXACT).as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent if number.is_zero() else -exponent


def trimmed(text: str) -> str:
    """A decimal number without zeros that say nothing."""
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if short == "-0" else short


def floating(of: Type, zone: tzinfo) -> Taker:
    """A double, or the nearest ``real``."""
    single = of.base == "float4"

    def take(value: Value) -> str:
        number = _double(value)
        if single:
            try:
                number = struct.unpack(">f", struct.pack(">f", number))[0]
            except OverflowError:
                raise Misfit(f"is out of range for {of.text}") from None
        return _float_text(number)

    return take


def _double(value: Value) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, bytes):
        raise Misfit("is no number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Misfit("is no number") from None
    if isinstance(value, int) and int(number) != value:
        raise Misfit("has more digits than a double keeps")
    return number


def _float_text(number: float) -> str:
    text = repr(number)
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


def float_bytes(text: str, code: str) -> str:
    """The bytes of a float, in hexadecimal; ``code`` is that of :mod:`struct`."""
    return struct.pack(code, float(text)).hex()
