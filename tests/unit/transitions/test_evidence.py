"""How long requests waited, whatever becomes of the clock on the wall meanwhile."""

from __future__ import annotations

import time

import pytest

from tenfold.transitions.perform.evidence import Evidence

BEGAN, HOUR = 1_800_000_000.0, 3600.0


class Clocks:
    """One that can be set, and one that nobody sets."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wall, self.steady = BEGAN, 50.0
        patch.setattr(time, "time", lambda: self.wall)
        patch.setattr(time, "monotonic", lambda: self.steady)

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.mark.parametrize("jump", [-HOUR, 0.0, HOUR])
def test_a_hold_lasts_as_long_as_people_waited(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(monkeypatch)
    evidence = Evidence()
    evidence.began(["vm1/app"], 0.25, postponed=0.0, within_seconds=5.0)
    hold = evidence.holding()
    assert hold is not None
    clocks.go_on(1.0)
    clocks.wall += jump
    assert hold.seconds == pytest.approx(1.25)
    evidence.ended()
    clocks.go_on(HOUR)
    clocks.wall += jump
    assert evidence.holding() is None
    assert hold.seconds == pytest.approx(1.25)
    assert (hold.began, hold.ended) == (BEGAN - 0.25, pytest.approx(BEGAN + 1.0))


def test_it_is_over_when_nobody_waits_in_front_of_any_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    evidence = Evidence()
    hold = evidence.began(["app1/app", "app2/app"], 0.0, postponed=0.0, within_seconds=5.0)
    clocks.go_on(0.5)
    evidence.ended("app1/app")
    assert not hold.is_over
    clocks.go_on(0.5)
    evidence.ended("app2/app")
    assert (hold.is_over, hold.seconds) == (True, 1.0)
