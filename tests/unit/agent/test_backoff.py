from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenfold.agent import backoff


def test_the_first_crash_costs_no_time_and_later_ones_twice_as_much_each() -> None:
    delays = [backoff.delay_seconds(crashes) for crashes in range(1, 6)]
    assert delays == [0.0, 0.1, 0.2, 0.4, 0.8]


@given(st.integers(min_value=1, max_value=10_000))
def test_waiting_never_shrinks_and_ends_at_half_a_minute(crashes: int) -> None:
    now, then = backoff.delay_seconds(crashes), backoff.delay_seconds(crashes + 1)
    assert now <= then <= 30.0


def test_a_minute_of_health_wipes_the_slate() -> None:
    assert backoff.crashes_in_a_row(7, healthy_seconds=59.9) == 8
    assert backoff.crashes_in_a_row(7, healthy_seconds=60.0) == 1
