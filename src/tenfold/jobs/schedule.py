"""When a job is due. Pure: the clock is an argument, in seconds since the epoch.

A schedule is an endless row of *slots*. Every slot is dealt with once: it is run, or it is missed.
``last`` is the one up to which that has been done. Daylight saving is cronsim's, which does as
Debian's cron does: a fixed time that an hour forward leaves out comes right behind it, one that an
hour back brings twice comes once; what repeats every hour or oftener goes by the hours that pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim

LATE_SECONDS: Final = 60.0
"""A slot that is not older than this is on time."""
SET_BACK_SECONDS: Final = 3600.0
"""A clock that is further behind the last slot than this was set back; less is waited for."""
MANY: Final = 1000
"""More missed slots than this are not counted."""
_WINDOWS_SECONDS: Final = (3600.0, 86400.0, 40 * 86400.0, 500 * 86400.0, 9 * 366 * 86400.0)

Missed = Literal["run-once", "skip"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so many seconds since the epoch, or a line of cron by the clock of a time zone."""

    every_seconds: float | None = None
    cron: str | None = None
    timezone: str = "UTC"

    def __str__(self) -> str:
        if self.cron is not None:
            zone = "" if self.timezone == "UTC" else f" {self.timezone}"
            return f"{self.cron}{zone}"
        seconds = self.every_seconds or 0.0
        for size, unit in ((3600, "h"), (60, "m")):
            if seconds % size == 0:
                return f"every {seconds / size:g}{unit}"
        return f"every {seconds:g}s"


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done now: run ``slot``, unless it is ``None``, and count ``missed`` slots, of
    which ``newest_missed`` is the last. ``last`` is what is dealt with then; ``set_back`` tells
    that this is less than before, because the clock is."""

    slot: float | None
    last: float
    missed: int = 0
    newest_missed: float | None = None
    set_back: bool = False


def due(
    schedule: Schedule, missed: Missed, last: float, now: float, waiting: float | None = None
) -> Due:
    """What is due ``now``, where everything up to ``last`` has been dealt with.

    Of several slots that have gone by the newest one is run, if it is on time or a run is to make
    up for what was missed; the others are missed. Whoever has been ``waiting`` since then for
    leave to begin was there, and is late by what it was at that time.
    """
    if last - now > SET_BACK_SECONDS:
        return Due(None, now, set_back=True)
    newest = newest_slot(schedule, last, now)
    if newest is None:
        return Due(None, last)
    there = now if waiting is None else waiting
    if missed == "skip" and there - newest > LATE_SECONDS:
        return Due(None, newest, _count(schedule, last, newest), newest)
    earlier = newest_slot(schedule, last, newest, inclusive=False)
    if earlier is None:
        return Due(newest, newest)
    return Due(newest, newest, _count(schedule, last, earlier), earlier)


def next_slot(schedule: Schedule, after: float) -> float:
    """The first slot that is later than ``after``; infinite if there is none in 50 years."""
    return next(slots(schedule, after), math.inf)


def newest_slot(
    schedule: Schedule, last: float, now: float, *, inclusive: bool = True
) -> float | None:
    """The newest slot later than ``last`` and not later than ``now``, if there is one."""

    def passed(slot: float) -> bool:
        return slot <= now if inclusive else slot < now

    if schedule.every_seconds is not None:
        found = now // schedule.every_seconds * schedule.every_seconds
        found = found if passed(found) else found - schedule.every_seconds
        return found if found > last else None
    for window in _WINDOWS_SECONDS:
        begin = max(last, now - window)
        newest = None
        for slot in slots(schedule, begin):
            if not passed(slot):
                break
            newest = slot
        if newest is not None or begin == last:
            return newest
    return None


def slots(schedule: Schedule, after: float) -> Iterator[float]:
    """All slots that are later than ``after``, in order."""
    if schedule.every_seconds is not None:
        slot = after // schedule.every_seconds * schedule.every_seconds
        while True:
            slot += schedule.every_seconds
            yield slot
    assert schedule.cron is not None, "a schedule has a period or a line of cron"
    zone = UTC if schedule.timezone == "UTC" else ZoneInfo(schedule.timezone)
    latest = after
    # In an hour that comes twice cronsim begins with what has passed.
    for moment in CronSim(schedule.cron, datetime.fromtimestamp(after // 1, zone)):
        slot = moment.timestamp()
        if slot > latest:
            yield slot
            latest = slot


def _count(schedule: Schedule, last: float, newest: float) -> int:
    """How many slots there are behind ``last`` up to ``newest``, up to a thousand."""
    count = 0
    for slot in islice(slots(schedule, last), MANY):
        if slot > newest:
            break
        count += 1
    return count
