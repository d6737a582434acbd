"""When a crashed unit is started again: at once, then 0.1 s doubling to 30 s."""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0


def delay_seconds(crashes: int) -> float:
    """How long to wait before the next start after so many crashes in a row (at least one)."""
    if crashes <= 1:
        return 0.0
    return float(min(FIRST_DELAY_SECONDS * 2.0 ** min(crashes - 2, 30), LONGEST_DELAY_SECONDS))


def crashes_in_a_row(before: int, healthy_seconds: float) -> int:
    """The count after one more crash; a minute of health wipes the slate."""
    return 1 if healthy_seconds >= HEALTHY_SECONDS else before + 1
