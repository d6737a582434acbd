"""Dates, times and durations of SQLite's, as PostgreSQL takes them. Pure."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from tenfold.importing import kinds, moments
from tenfold.importing.misfit import Misfit, Taker, Value
from tenfold.importing.model import Type


def moment(of: Type, zone: tzinfo) -> Taker:
    """A date with its time; see :mod:`.moments`."""
    finer = 10 ** (6 - kinds.fraction(of))
    zoned = of.base == "timestamptz"

    def take(value: Value) -> str:
        found = moments.moment(_dated(value))
        if found.microsecond % finer:
            raise Misfit(f"is more exact than {of.text} keeps")
        if zoned:
            return moments.text_of(moments.in_utc(found, zone)) + "+00"
        if found.utcoffset():
            raise Misfit("has an offset from UTC, and the column has none")
        return moments.text_of(found.replace(tzinfo=None))

    return take


def _dated(value: Value) -> str | float:
    if isinstance(value, bytes):
        raise Misfit("is bytes (a BLOB), not a date")
    return value


def day(of: Type, zone: tzinfo) -> Taker:
    """A date; a moment is one at midnight."""
    return lambda value: moments.day(_dated(value)).isoformat()


def time_of_day(of: Type, zone: tzinfo) -> Taker:
    """A time without a date."""
    finer = 10 ** (6 - kinds.fraction(of))

    def take(value: Value) -> str:
        if not isinstance(value, str):
            raise Misfit("is no time of day as HH:MM:SS")
        found = moments.time_of_day(value)
        if found.microsecond % finer:
            raise Misfit(f"is more exact than {of.text} keeps")
        return moments.text_of(found)

    return take


def interval(of: Type, zone: tzinfo) -> Taker:
    """A duration; see :func:`.moments.duration`."""
    finer = 10 ** (6 - kinds.fraction(of))

    def take(value: Value) -> str:
        if not isinstance(value, int | str):
            raise Misfit("is no duration in microseconds")
        microseconds = moments.duration(value)
        if microseconds % finer:
            raise Misfit(f"is more exact than {of.text} keeps")
        try:
            lasting = timedelta(microseconds=microseconds)
        except OverflowError:
            raise Misfit("is out of range") from None
        return f"{lasting.days} days {lasting.seconds} seconds {lasting.microseconds} microseconds"

    return take


def microseconds(text: str) -> str:
    """How long what :func:`interval` wrote lasts."""
    days, _, seconds, _, microseconds, _ = text.split(" ")
    return str((int(days) * 86_400 + int(seconds)) * 1_000_000 + int(microseconds))
