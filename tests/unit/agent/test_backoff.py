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


def test_one_crash_is_forgiven_and_two_in_a_row_are_not() -> None:
    assert backoff.steady_seconds(1, 0.0) == 0.0
    assert backoff.steady_seconds(2, 0.0) == backoff.STEADY_SECONDS


def test_a_unit_is_believed_when_it_has_outlived_its_last_life() -> None:
    trust = backoff.Trust()
    trust.crashed(3, 20.0, "exited with code 1")
    trust.is_up(100.0)
    assert trust.doubt(119.0) == (
        "runs again after 3 crashes in a row; the last one: exited with code 1"
    )
    assert trust.doubt(120.0) is None


def test_a_unit_that_was_ordered_anew_is_believed_until_its_next_crash() -> None:
    trust = backoff.Trust()
    trust.crashed(2, 1.0, "exited with code 1")
    trust.is_up(100.0)
    trust.renew()
    assert trust.doubt(100.0) is None
    trust.crashed(3, 1.0, "exited with code 1")
    trust.is_up(200.0)
    assert trust.doubt(200.0) is not None
