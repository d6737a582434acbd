"""The ``[jobs.NAME]`` tables: commands that run at their times."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from tenfold.errors import did_you_mean
from tenfold.spec import values
from tenfold.spec.table import Table
from tenfold.spec.units import WaitSeconds

MAX_JOBS: Final = 50
POOL: Final = "jobs"
"""What their scheduler is called among the units."""
ACTIONS: Final = ("run",)
_SHORTCUTS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = 5


def job_name(text: str) -> str:
    """As the app's name, and no word that ``tenfold jobs`` knows."""
    if text in ACTIONS:
        raise ValueError(f'"{text}" is what tenfold jobs {text} does; take another name')
    return values.name(text)


def cron_line(text: str) -> str:
    """Five fields as ``cron`` has them; a word such as ``@daily`` stands for some."""
    line = _SHORTCUTS.get(text.strip(), text)
    if line.startswith("@"):
        raise ValueError(f"{text} is not known; write five fields, for example {_EXAMPLE}")
    if (count := len(line.split())) != _FIELDS:
        raise ValueError(
            f"has {count} fields and not {_FIELDS}: minute, hour, day of the month, month, day of"
            f" the week; for example {_EXAMPLE}"
        )
    try:
        never = next(CronSim(line, datetime(2024, 1, 1, tzinfo=UTC)), None) is None
    except CronSimError as fault:
        what = str(fault).removeprefix("Bad ")
        raise ValueError(f"the field for the {what} is wrong; for example {_EXAMPLE}") from None
    if never:
        raise ValueError("there is no such day in 50 years")
    return line


def time_zone(text: str) -> str:
    """A time zone by its name, as in ``Europe/Berlin``."""
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        meant = did_you_mean(text, zoneinfo.available_timezones())
        meant = meant or ', for example "Europe/Berlin"'
        raise ValueError(f'"{text}" is not a time zone{meant}') from None
    return text


def whole_seconds(value_seconds: float) -> float:
    """At least one second, and no part of one."""
    if value_seconds < 1 or value_seconds != int(value_seconds):
        raise ValueError("is not a whole number of seconds, one at least")
    return value_seconds


_EXAMPLE: Final = '"30 4 * * 1-5" (half past four from Monday to Friday)'
JobName = Annotated[str, AfterValidator(job_name)]
CronLine = Annotated[str, AfterValidator(cron_line)]
TimeZone = Annotated[str, AfterValidator(time_zone)]
Every = Annotated[WaitSeconds, AfterValidator(whole_seconds)]


class JobTable(Table):
    """One command, and when it runs."""

    run: Annotated[str, Field(min_length=1), AfterValidator(values.worker_command)] = Field(
        description="What runs, in the release's directory and environment, without a shell."
    )
    every_seconds: Every | None = Field(
        default=None,
        alias="every",
        description='Again and again, for example "15m" or "1h": at the multiples of that since '
        '1970 in UTC, so that "1h" is on the hour. At most a day.',
    )
    cron: CronLine | None = Field(
        default=None,
        description="Instead of every: minute, hour, day of the month, month, day of the week, as "
        "cron has them; or @hourly, @daily, @weekly, @monthly, @yearly.",
    )
    timezone: TimeZone = Field(
        default="UTC", description="Whose clock cron goes by, as in Europe/Berlin."
    )
    overlap: bool = Field(
        default=False,
        description="May a run begin while an earlier one goes on? Otherwise it waits for that, "
        "and counts as missed.",
    )
    missed: Literal["run-once", "skip"] = Field(
        default="run-once",
        description='What happens to times that went by: "run-once" makes up for all of them with '
        'one run, "skip" leaves them out, which is told.',
    )
    timeout_seconds: WaitSeconds = Field(
        default=3600.0,
        gt=0,
        alias="timeout",
        description="How long a run may take; then it gets SIGTERM.",
    )
    grace_seconds: WaitSeconds = Field(
        default=10.0,
        alias="grace",
        description="How long it may take to end after that; then it is killed.",
    )
    drain_seconds: WaitSeconds = Field(
        default=60.0,
        alias="drain",
        description="How long a deploy, or down, lets a run finish before it is cut off; the "
        "longest of all jobs counts. A move between stages cuts none off and is put off.",
    )

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.every_seconds is None and self.cron is None:
            raise ValueError('says not when: give every = "1h", or cron = "30 4 * * *"')
        if self.every_seconds is not None and self.cron is not None:
            raise ValueError("every and cron exclude each other")
        if self.cron is None and "timezone" in self.model_fields_set:
            raise ValueError("timezone is for cron; every goes by no clock on a wall")
        return self
