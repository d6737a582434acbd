"""When a crashed unit is started again, and when it is believed to stay up.

It is started at once, then after 0.1 s doubling to 30 s; a minute of health wipes the slate. After
two crashes in a row it shows as backing off also while it runs, until it has run for longer than
before its last crash, and for five seconds at least: one that lives for twenty seconds each time
would else be seen running nearly always.
"""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
STEADY_SECONDS = 5.0
DOUBTED_CRASHES = 2


def delay_seconds(crashes: int) -> float:
    """How long to wait before the next start after so many crashes in a row (at least one)."""
    if crashes <= 1:
        return 0.0
    return float(min(FIRST_DELAY_SECONDS * 2.0 ** min(crashes - 2, 30), LONGEST_DELAY_SECONDS))


def crashes_in_a_row(before: int, healthy_seconds: float) -> int:
    """The count after one more crash; a minute of health wipes the slate."""
    return 1 if healthy_seconds >= HEALTHY_SECONDS else before + 1


def steady_seconds(crashes: int, healthy_seconds: float) -> float:
    """How long it has to run before it is believed, after so many crashes in a row and having been
    healthy for this long before the last one."""
    return max(STEADY_SECONDS, healthy_seconds) if crashes >= DOUBTED_CRASHES else 0.0


class Trust:
    """Whether one unit that runs is believed to go on running."""

    def __init__(self) -> None:
        self._steady_seconds = 0.0
        self._up_at = 0.0
        self._why = ""

    def is_up(self, now: float) -> None:
        """It became ready, at this time of the monotonic clock."""
        self._up_at = now

    def crashed(self, crashes: int, healthy_seconds: float, reason: str | None) -> None:
        """It crashed, so often in a row by now, after so long a life, for this reason."""
        self._steady_seconds = steady_seconds(crashes, healthy_seconds)
        self._why = f"runs again after {crashes} crashes in a row; the last one: {reason}"

    def renew(self) -> None:
        """Somebody has ordered it to run: it is believed until it crashes again."""
        self._steady_seconds = 0.0

    def doubt(self, now: float) -> str | None:
        """Why it is not believed at this time, if it runs."""
        return self._why if now - self._up_at < self._steady_seconds else None
