"""Moments that are over, as people write and read them. Pure but for the zone of this machine."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tenfold.errors import UsageError
from tenfold.spec.units import long_seconds, seconds

HOW = 'write "14:30", "2026-11-26 14:30:05" or, back from now, "45m" or "2d"'
_BACK = re.compile(r"-?\d[\d.]* *[a-z]+")
LATEST = "latest"


def at(text: str, now: datetime) -> float:
    """As :func:`past`, without a word for the latest."""
    found = past(text, now)
    if found is None:
        raise UsageError(f'"{text}" is no moment', next=HOW)
    return found


def past(text: str, now: datetime) -> float | None:
    """The moment that is meant, in seconds since the epoch; ``None`` for the latest there is.

    Times without a zone are those of ``now``. A time of day is today's, or yesterday's where
    today's is yet to come.

    Raises:
        UsageError: it is none, or it is yet to come.
    """
    if text.strip() == LATEST:
        return None
    found = _read(text.strip(), now)
    if found > now:
        raise UsageError(f"{text} is yet to come", next=HOW)
    return found.timestamp()


def shown(at: float) -> str:
    """A moment in the time of this machine."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S %z}"


def _read(text: str, now: datetime) -> datetime:
    try:
        if _BACK.fullmatch(text):
            back = text.removeprefix("-")
            return now - timedelta(
                seconds=long_seconds(back) if back.endswith("d") else seconds(back)
            )
        if len(text) <= 8:
            clock = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time()
            today = datetime.combine(now.date(), clock, now.tzinfo)
            return today if today <= now else today - timedelta(days=1)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f'"{text}" is no moment', next=HOW) from error
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
