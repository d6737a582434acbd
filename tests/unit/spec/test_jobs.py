"""``[jobs.NAME]``: when, what, and each slip answered."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.model import AppSpec
from tenfold.spec.read import parse

SMALL = 'name = "shop"\napp = "shop.main:app"\n'


def spec(table: str, name: str = "nightly") -> AppSpec:
    return parse(f'{SMALL}[jobs.{name}]\nrun = "python a.py"\n{table}\n')


def test_what_is_not_said_is_careful() -> None:
    job = spec('every = "1h"').jobs["nightly"]
    assert (job.every_seconds, job.cron) == (3600.0, None)
    assert (job.overlap, job.missed) == (False, "run-once")
    assert (job.timeout_seconds, job.grace_seconds, job.drain_seconds) == (3600.0, 10.0, 60.0)


def test_a_line_of_cron_and_a_zone() -> None:
    job = spec('cron = "30 4 * * MON-FRI"\ntimezone = "Europe/Berlin"').jobs["nightly"]
    assert (job.cron, job.timezone) == ("30 4 * * MON-FRI", "Europe/Berlin")
    assert spec('cron = "@daily"').jobs["nightly"].cron == "0 0 * * *"


@pytest.mark.parametrize(
    ("table", "answer"),
    [
        ("", "says not when"),
        ('every = "1h"\ncron = "* * * * *"', "every and cron exclude each other"),
        ('every = "1h"\ntimezone = "Europe/Berlin"', "timezone is for cron"),
        ('every = "500ms"', "is not a whole number of seconds, one at least"),
        ('every = "1500ms"', "is not a whole number of seconds"),
        ('every = "25h"', "is longer than a day"),
        ("every = 3600", "is not a duration"),
        ('cron = "* * * *"', "has 4 fields and not 5"),
        ('cron = "0 * * * * *"', "has 6 fields and not 5"),
        ('cron = "61 * * * *"', "the field for the minute is wrong"),
        ('cron = "* * * * FUNDAY"', "the field for the day-of-week is wrong"),
        ('cron = "0 0 30 2 *"', "the field for the day-of-month is wrong"),
        ('cron = "@reboot"', "@reboot is not known"),
        ('cron = "* * * * *"\ntimezone = "Europe/Berln"', 'did you mean "Europe/Berlin"?'),
        ('cron = "* * * * *"\ntimezone = "../../etc/passwd"', "is not a time zone"),
        ('every = "1h"\nmissed = "later"', '"run-once"'),
        ('every = "1h"\ntimeout = "0s"', "timeout"),
    ],
)
def test_slips_are_answered(table: str, answer: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec(table)
    assert answer in caught.value.what


def test_no_shell_reads_it_and_nothing_goes_into_the_background() -> None:
    for command in ("a.sh && b.sh", "celery multi start", "a.sh --daemon"):
        with pytest.raises(SpecError):
            parse(f'{SMALL}[jobs.a]\nrun = "{command}"\nevery = "1h"\n')


def test_names_that_are_taken() -> None:
    with pytest.raises(SpecError, match="what tenfold jobs run does"):
        spec('every = "1h"', name="run")
    with pytest.raises(SpecError, match=r"call \[workers\.jobs\] something else"):
        parse(f'{SMALL}[workers.jobs]\ncommand = "a"\n[jobs.nightly]\nrun = "b"\nevery = "1h"\n')
    assert parse(f'{SMALL}[workers.jobs]\ncommand = "a"\n').workers


def test_an_environment_may_have_others() -> None:
    text = (
        f'{SMALL}[jobs.a]\nrun = "b"\nevery = "1h"\n[environments.staging.jobs.a]\nevery = "24h"\n'
    )
    assert parse(text, environment="staging").jobs["a"].every_seconds == 86400.0
