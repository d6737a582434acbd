"""Comparing a copy leaves the processor to the users."""

from __future__ import annotations

import pytest

from tenfold.engines.postgresql import counting
from tenfold.engines.postgresql.counting import LONGEST_REST_SECONDS, SHARE, Pace


class Clock:
    """A clock that only work and rests move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rested = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rested += seconds
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(counting, "time", clock)
    return clock


def test_work_takes_its_share_of_the_time_however_it_is_cut(clock: Clock) -> None:
    pace = Pace()
    worked = 0.0
    for seconds in [0.0004] * 300 + [0.012] * 40:
        clock.now += seconds
        worked += seconds
        pace.rest()

    assert worked / clock.now == pytest.approx(SHARE)


def test_a_long_wait_is_not_followed_by_a_longer_rest(clock: Clock) -> None:
    pace = Pace()
    clock.now += 60

    pace.rest()

    assert clock.rested == LONGEST_REST_SECONDS
