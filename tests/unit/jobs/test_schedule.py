"""When jobs are due: every slot once, whatever the clock and daylight saving do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tenfold.jobs.schedule import (
    LATE_SECONDS,
    MANY,
    SET_BACK_SECONDS,
    Due,
    Missed,
    Schedule,
    due,
    newest_slot,
    next_slot,
    slots,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3600.0, 86400.0
T0 = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

LINES = ("* * * * *", "*/15 * * * *", "30 2 * * *", "0 4 * * 1-5", "0,30 1-3 * * *", "5 0 1 * *")
schedules = some.one_of(
    some.builds(Schedule, some.sampled_from([1.0, 7.0, 60.0, 900.0, HOUR, DAY])),
    some.builds(
        Schedule,
        some.none(),
        some.sampled_from(LINES),
        some.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
    ),
)
policies: some.SearchStrategy[Missed] = some.sampled_from(["run-once", "skip"])
# A year with all that daylight saving does.
moments = some.floats(T0, T0 + 366 * DAY)


def berlin(line: str, begin: datetime, count: int) -> list[str]:
    row = slots(Schedule(cron=line, timezone="Europe/Berlin"), begin.timestamp())
    return [datetime.fromtimestamp(next(row), BERLIN).isoformat() for _ in range(count)]


@pytest.mark.parametrize(
    ("line", "begin", "expected"),
    [
        # The hour from two to three is left out: what stands there comes right behind it.
        ("30 2 * * *", datetime(2026, 3, 28, 12), ["29T03:00:00+02:00", "30T02:30:00+02:00"]),
        ("0 3 * * *", datetime(2026, 3, 28, 12), ["29T03:00:00+02:00", "30T03:00:00+02:00"]),
        # Two fixed times that fall together are one.
        ("0,30 2 * * *", datetime(2026, 3, 28, 12), ["29T03:00:00+02:00", "30T02:00:00+02:00"]),
        # The hour from two to three comes twice: a fixed time comes once, ...
        ("30 2 * * *", datetime(2026, 10, 24, 12), ["25T02:30:00+02:00", "26T02:30:00+01:00"]),
        ("30 2 * * *", datetime(2026, 10, 25, 2, 30, fold=1), ["26T02:30:00+01:00"]),
        # ... what repeats goes by the hours that pass.
        ("30 * * * *", datetime(2026, 10, 25, 2), ["25T02:30:00+02:00", "25T02:30:00+01:00"]),
        ("30 * * * *", datetime(2026, 3, 29, 1), ["29T01:30:00+01:00", "29T03:30:00+02:00"]),
    ],
)
def test_daylight_saving_skips_nothing_and_repeats_nothing(
    line: str, begin: datetime, expected: list[str]
) -> None:
    found = berlin(line, begin.replace(tzinfo=BERLIN), len(expected))
    assert [moment.partition("-")[2].partition("-")[2] for moment in found] == expected


@given(schedules, moments)
def test_slots_only_go_forward(schedule: Schedule, after: float) -> None:
    row = slots(schedule, after)
    found = [next(row) for _ in range(5)]
    assert found == sorted(set(found))
    assert found[0] > after
    assert next_slot(schedule, after) == found[0]


@given(schedules, moments, some.floats(0.0, 3 * DAY))
def test_the_newest_slot_is_the_last_of_those_that_passed(
    schedule: Schedule, last: float, later: float
) -> None:
    later = min(later, 2000 * (schedule.every_seconds or DAY))
    now = last + later
    passed = []
    for slot in slots(schedule, last):
        if slot > now:
            break
        passed.append(slot)
    assert newest_slot(schedule, last, now) == (passed[-1] if passed else None)
    before = [slot for slot in passed if slot < now]
    assert newest_slot(schedule, last, now, inclusive=False) == (before[-1] if before else None)


@given(schedules, policies, moments, some.lists(some.floats(0.0, 2 * HOUR), max_size=30))
def test_every_slot_is_dealt_with_once_however_often_and_late_somebody_looks(
    schedule: Schedule, missed: Missed, begin: float, pauses: list[float]
) -> None:
    last, now = begin, begin
    run: list[float] = []
    left_out = 0
    for pause in pauses:
        now += min(pause, 400 * (schedule.every_seconds or DAY))
        found = due(schedule, missed, last, now)
        assert found.last >= last
        left_out += found.missed
        if found.slot is not None:
            run.append(found.slot)
            assert missed == "run-once" or now - found.slot <= LATE_SECONDS
        last = found.last
        assert due(schedule, missed, last, now).slot is None, "nothing is due twice"
    assert run == sorted(set(run))
    passed = 0
    for slot in slots(schedule, begin):
        if slot > last:
            break
        passed += 1
    assert passed == len(run) + left_out
    assert next_slot(schedule, last) > now, "nothing that passed is forgotten"


@given(schedules, policies, moments, some.floats(-40 * DAY, 40 * DAY))
def test_a_clock_that_is_set_runs_nothing_twice_and_does_not_stop_a_job(
    schedule: Schedule, missed: Missed, last: float, jump: float
) -> None:
    now = last + jump
    found = due(schedule, missed, last, now)
    if jump < -SET_BACK_SECONDS:
        assert found == Due(None, now, set_back=True)
    elif jump <= 0:
        assert found == Due(None, last)
    else:
        assert not found.set_back
        assert found.missed <= MANY
        assert found.slot is None or last < found.slot <= now


def test_of_several_that_were_missed_the_newest_is_made_up_for() -> None:
    hourly = Schedule(HOUR)
    now = T0 + 5 * HOUR + 1800
    assert due(hourly, "run-once", T0, now) == Due(T0 + 5 * HOUR, T0 + 5 * HOUR, 4, T0 + 4 * HOUR)
    assert due(hourly, "skip", T0, now) == Due(None, T0 + 5 * HOUR, 5, T0 + 5 * HOUR)
    on_time = T0 + 5 * HOUR + LATE_SECONDS
    assert due(hourly, "skip", T0, on_time) == Due(T0 + 5 * HOUR, T0 + 5 * HOUR, 4, T0 + 4 * HOUR)
    assert due(hourly, "skip", T0, now, on_time) == due(hourly, "skip", T0, on_time)
    assert due(hourly, "skip", T0, now, now) == due(hourly, "skip", T0, now)


def test_years_without_a_run_are_looked_at_in_no_time() -> None:
    found = due(Schedule(cron="* * * * *"), "run-once", 0.0, T0 + 30)
    assert (found.slot, found.missed) == (T0, MANY)
    rare = Schedule(cron="0 0 29 2 *")
    leap = datetime(2024, 2, 29, tzinfo=UTC)
    assert newest_slot(rare, 0.0, T0) == leap.timestamp()
    assert next_slot(rare, T0) == datetime(2028, 2, 29, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Schedule(HOUR), "every 1h"),
        (Schedule(900.0), "every 15m"),
        (Schedule(90.0), "every 90s"),
        (Schedule(cron="0 4 * * *"), "0 4 * * *"),
        (Schedule(cron="0 4 * * *", timezone="Europe/Berlin"), "0 4 * * * Europe/Berlin"),
    ],
)
def test_a_schedule_in_words(schedule: Schedule, text: str) -> None:
    assert str(schedule) == text


def test_every_is_on_the_hour_whenever_somebody_begins() -> None:
    begin = datetime(2026, 5, 5, 10, 17, 3, tzinfo=UTC)
    row = slots(Schedule(HOUR), begin.timestamp())
    first = datetime.fromtimestamp(next(row), UTC)
    assert first == datetime(2026, 5, 5, 11, tzinfo=UTC)
    assert datetime.fromtimestamp(next(row), UTC) - first == timedelta(hours=1)
