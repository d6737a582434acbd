"""Dates and times as programs leave them in SQLite, which has no type for them. Pure.

Text is ISO 8601, as every common library writes it. A whole number is Unix time, in seconds; a
number with a fraction is a Julian day or Unix time, told apart as SQLite's own modifier ``auto``
does it: https://www.sqlite.org/lang_datefunc.html and https://www.sqlite.org/datatype3.html
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

EPOCH = datetime(1970, 1, 1)
UNIX_SECONDS = (-210_866_760_000, 253_402_300_799)
JULIAN_DAYS = (0.0, 5_373_484.499_999)
_JULIAN_EPOCH_MILLISECONDS = 210_866_760_000_000
_DAY_MILLISECONDS = 86_400_000
_FRACTION = re.compile(r"[.,](\d+)")
_ZONE = re.compile(r"\s+(?:(UTC|GMT|Z)|([+-]\d\d:?\d\d))$", re.IGNORECASE)
_MICROSECONDS = 6


class NoMoment(ValueError):
    """A value that is none, with the reason as its text."""


def moment(value: str | float) -> datetime:
    """A moment, with its offset if it has one; a number's is in UTC without saying so.

    Raises:
        NoMoment: it is none, or more exact than a microsecond.
    """
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, int):
        if UNIX_SECONDS[0] <= value <= UNIX_SECONDS[1]:
            return _after(timedelta(seconds=value))
        raise NoMoment("is out of range as Unix time in seconds; in milliseconds perhaps?")
    if not math.isfinite(value):
        raise NoMoment("is no date")
    if JULIAN_DAYS[0] <= value <= JULIAN_DAYS[1]:
        whole = math.floor(value * _DAY_MILLISECONDS + 0.5)
        return _after(timedelta(milliseconds=whole - _JULIAN_EPOCH_MILLISECONDS))
    if UNIX_SECONDS[0] <= value <= UNIX_SECONDS[1]:
        return _after(timedelta(seconds=value))
    raise NoMoment("is out of range as Unix time in seconds; in milliseconds perhaps?")


def in_utc(found: datetime, zone: tzinfo) -> datetime:
    """The moment's time in UTC, without offset; one that had none was a time in ``zone``."""
    try:
        aware = found if found.tzinfo is not None else found.replace(tzinfo=zone)
        return aware.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise NoMoment("is out of range") from None


def day(value: str | float) -> date:
    """A date; a moment is one at midnight. Raises :class:`NoMoment`."""
    found = moment(value)
    if found.tzinfo is not None or found.time() != time():
        raise NoMoment("has a time of day, and the column has none")
    return found.date()


def time_of_day(value: str) -> time:
    """A time without a date. Raises :class:`NoMoment`."""
    text = value.strip()
    _require_microseconds(text)
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise NoMoment("is no time of day as HH:MM:SS") from None
    if found.tzinfo is not None:
        raise NoMoment("has an offset from UTC, and the column has none")
    return found


def duration(value: str | int) -> int:
    """A duration in microseconds: Django's whole number, or SQLAlchemy's moment since 1970.

    Raises:
        NoMoment: it is neither.
    """
    if isinstance(value, int):
        return value
    found = _parsed(value)
    if found.tzinfo is not None:
        raise NoMoment("has an offset from UTC, and a duration has none")
    return (found - EPOCH) // timedelta(microseconds=1)


def text_of(found: datetime | time) -> str:
    """As PostgreSQL writes it: without zeros at the end of a second's fraction."""
    text = found.isoformat(" ") if isinstance(found, datetime) else found.isoformat()
    return text.rstrip("0") if "." in text else text


def _parsed(value: str) -> datetime:
    text = value.strip()
    _require_microseconds(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(_ZONE.sub(lambda m: m[2] or "Z", text))
    except ValueError:
        raise NoMoment("is no date as YYYY-MM-DD HH:MM:SS") from None


def _require_microseconds(text: str) -> None:
    """Python would cut further digits off silently."""
    found = _FRACTION.search(text)
    if found and found[1][_MICROSECONDS:].strip("0"):
        raise NoMoment("is more exact than a microsecond")


def _after(since: timedelta) -> datetime:
    try:
        return EPOCH + since
    except OverflowError:
        raise NoMoment("is out of range") from None
