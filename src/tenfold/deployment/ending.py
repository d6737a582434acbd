"""How long a certificate still lasts, and from when on somebody should know. Pure."""

from __future__ import annotations

from typing import Final

DAY_SECONDS: Final = 86_400.0
WARN_DAYS: Final = 30.0
WARN_SHARE: Final = 1 / 3
"""Of its life: what lasts for weeks alone is renewed by whoever has it when a third is left."""


def ends_soon(not_before: float, not_after: float, now: float) -> bool:
    """Whether one that nobody here renews is near its end, or past it; in seconds since the epoch.

    With 30 days left, or a third of its life if that is less.
    """
    left = not_after - now
    return left <= min(WARN_DAYS * DAY_SECONDS, (not_after - not_before) * WARN_SHARE)


def span(seconds: float) -> str:
    """A time in one word and number: ``3 days``, ``5 hours``, ``12 minutes``."""
    for name, length in (("day", DAY_SECONDS), ("hour", 3600.0), ("minute", 60.0)):
        count = int(seconds / length)
        if count >= (2 if name != "minute" else 1):
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"
