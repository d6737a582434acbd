"""When to order: in good time, never in a loop, and never while it is of no use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tenfold.certificates.deciding import (
    DAY,
    HOUR,
    MOST_ORDERS,
    PATIENCE,
    asked_for,
    free_again,
    next_attempt,
    remembered,
    renewal,
)
from tenfold.certificates.state import Fault, Kind, State

NAMES, CA = ("a.org", "www.a.org"), "https://ca.example/dir"
NOW = 1_800_000_000.0
ISSUED = State(
    authority=CA, names=NAMES, not_before=NOW, not_after=NOW + 90 * DAY, serial="1", file="x"
)
chances = some.floats(0, 1)
kinds = some.sampled_from(sorted(PATIENCE))


def due(state: State, now: float = NOW, chance: float = 0.5) -> float:
    return next_attempt(state, NAMES, CA, now, chance) - now


def test_without_a_certificate_it_is_ordered_at_once() -> None:
    assert due(State()) <= 0


@pytest.mark.parametrize(
    "change",
    [{"names": ("a.org",)}, {"authority": "https://other.example/dir"}, {"authority": ""}],
    ids=["a name more", "another authority", "self-signed"],
)
def test_one_that_is_not_what_is_wanted_is_replaced_at_once(change: dict[str, object]) -> None:
    assert due(replace(ISSUED, **change)) <= 0  # type: ignore[arg-type]


def test_a_name_less_is_no_reason_to_order() -> None:
    assert next_attempt(ISSUED, ("a.org",), CA, NOW, 0.0) > NOW + 59 * DAY


@given(chances)
def test_it_is_renewed_at_two_thirds_and_not_by_everybody_at_once(chance: float) -> None:
    assert 60 * DAY <= renewal(ISSUED, chance) - NOW <= 63 * DAY


def test_the_authority_may_want_it_earlier_but_not_later() -> None:
    early, late = NOW + 10 * DAY, NOW + 89 * DAY
    assert renewal(replace(ISSUED, renew_at=early), 0.5) == early
    assert renewal(replace(ISSUED, renew_at=late), 0.5) < NOW + 63 * DAY


@given(kinds, some.integers(1, 60), chances)
def test_after_failures_it_waits_and_no_longer_than_its_bound(
    kind: Kind, failures: int, chance: float
) -> None:
    state = replace(State().failed(Fault(kind, "x"), NOW), failures=failures)
    bounds = PATIENCE[kind]
    assert 0.8 * bounds.first_seconds <= due(state, NOW, chance) <= 1.2 * bounds.longest_seconds


@given(kinds, some.integers(1, 60))
def test_every_failure_makes_it_wait_as_long_or_longer(kind: Kind, failures: int) -> None:
    state = replace(State().failed(Fault(kind, "x"), NOW), failures=failures)
    assert due(state) <= due(replace(state, failures=failures + 1))


def test_it_waits_for_as_long_as_the_authority_says() -> None:
    state = State().failed(Fault("limited", "too many", wait_seconds=5 * DAY), NOW)
    assert due(state) == 5 * DAY
    assert asked_for(state, NOW) == NOW + 5 * DAY


def test_a_certificate_that_lives_for_days_is_not_waited_to_death() -> None:
    state = replace(
        ISSUED,
        not_before=NOW - 4 * DAY,
        not_after=NOW + 2 * DAY,
        failures=20,
        last_attempt=NOW,
        fault={"kind": "refused"},
    )
    assert due(state) <= 2 * DAY / 8


@pytest.mark.parametrize("span", sorted(MOST_ORDERS))
def test_the_bounds_on_orders_hold_whatever_else_happens(span: float) -> None:
    most = MOST_ORDERS[span]
    orders = tuple(NOW - i * span / (2 * most) for i in range(most))
    state = replace(State(), orders=orders)
    assert due(state) > 0
    assert asked_for(state, NOW) > NOW
    assert free_again(orders[1:], NOW) == 0 or span == HOUR


@given(some.lists(some.floats(NOW - 2 * DAY, NOW), max_size=60), chances)
def test_no_more_orders_than_the_bounds_in_any_hour_and_day(
    wishes: list[float], chance: float
) -> None:
    orders: tuple[float, ...] = ()
    for wish in sorted(wishes):
        if next_attempt(replace(State(), orders=orders), NAMES, CA, wish, chance) <= wish:
            orders = remembered(orders, wish)
    for span, most in MOST_ORDERS.items():
        assert all(sum(o - span < p <= o for p in orders) <= most for o in orders)


def test_a_clock_that_was_set_back_makes_no_wait_longer_than_it_is() -> None:
    state = State().failed(Fault("authority", "x"), NOW + 365 * DAY)
    assert due(state) <= 1.2 * PATIENCE["authority"].first_seconds
    assert asked_for(state, NOW) <= NOW + HOUR


def test_a_person_need_not_wait_for_patience() -> None:
    state = replace(State().failed(Fault("refused", "x"), NOW - 60), failures=9)
    assert due(state) > HOUR
    assert asked_for(state, NOW) <= NOW
