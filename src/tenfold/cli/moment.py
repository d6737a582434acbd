"""Moments as people write them: ``14:30``, ``2026-11-26 14:30``, ``+45m``. Pure."""

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
