"""Moments as people write them: ``14:30``, ``2026-11-26 14:30``, ``+45m``, ``10m`` ago. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from tenfold.errors import UsageError
from tenfold.spec.units import seconds

HOW = 'write "14:30", "2026-11-26 14:30" or, from now on, "+45m"'
LONGEST_DAYS = 31


def moment(text: str, now: datetime) -> datetime:
    """The moment that is meant; times without a zone are those of ``now``.

    A time of day is today's, or tomorrow's when today's is over.

    Raises:
        UsageError: it is none, it is over, or more than 31 days away.
    """
    found = _read(text.strip(), now)
    if not now < found <= now + timedelta(days=LONGEST_DAYS):
        why = "is over" if found <= now else f"is more than {LONGEST_DAYS} days away"
        raise UsageError(f"{text} {why}", next=HOW)
    return found


def _read(text: str, now: datetime) -> datetime:
    try:
        if text.startswith("+"):
            return now + timedelta(seconds=seconds(text[1:]))
        if len(text) <= 5:
            clock = datetime.strptime(text, "%H:%M").time()
            today = datetime.combine(now.date(), clock, now.tzinfo)
            return today if today > now else today + timedelta(days=1)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f'"{text}" is no moment', next=HOW) from error
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def past(text: str, now: datetime) -> datetime:
    """A moment that was: ``10m`` ago, a time of day (the last one), or a date and a time.

    Raises:
        UsageError: it is none of these.
    """
    text = text.strip()
    try:
        if text.endswith("d") and text[:-1].isdigit():
            return now - timedelta(days=int(text[:-1]))
        if text[-1:] in ("s", "m", "h"):
            return now - timedelta(seconds=seconds(text))
        if len(text) <= 8 and ":" in text:
            clock = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time()
            today = datetime.combine(now.date(), clock, now.tzinfo)
            return today if today <= now else today - timedelta(days=1)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f'"{text}" is no moment that was',
            next='write "10m" or "2d" ago, "14:30", or "2026-11-26 14:30"',
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
