"""What a trial of a change of leaders measured, read from :func:`.orders.trial`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenfold.engines.postgresql.disk import last_line
from tenfold.errors import Refused

LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """``stop_seconds`` is from the fence of a leader until nothing of it runs and its disk says so;
    ``promote_seconds`` from the order to a follower until it accepts writes."""

    stop_seconds: float
    promote_seconds: float


def parse_trial(text: str) -> Trial:
    """Read what :func:`.orders.trial` printed.

    Raises:
        Refused: it was left out; says why.
        ValueError: it is something else, or a clock was set meanwhile.
    """
    told = last_line(text)
    if "left_out" in told:
        raise Refused(str(told["left_out"]))
    return Trial(_seconds(told, "stop_us"), _seconds(told, "promote_us"))


def _seconds(told: Mapping[str, Any], key: str) -> float:
    microseconds = told.get(key)
    if not isinstance(microseconds, int) or not 0 < microseconds < LONGEST_SECONDS * 1e6:
        raise ValueError(f"no {key} in {told!r}")
    return microseconds / 1e6
