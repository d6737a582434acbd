"""When the app is led to the next leader, and that a refusal is not waited out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from tests.support.postgres import wait_for

from tenfold.errors import StepFailed
from tenfold.failover.deciding import State as Kept
from tenfold.failover.deciding import Step, after
from tenfold.transitions.perform.switching import Order, is_led_to

DB1, DB2 = "db1/postgres", "db2/postgres"
FOLLOWED = Kept(timeline=2, path=DB2, life="1", verified=True)


def told(state: Kept) -> str:
    """As the keeper writes it down."""
    return json.dumps({**asdict(state), "boot": "b"})


def test_it_is_led_there_once_the_keeper_has_done_all_that_users_would_notice() -> None:
    assert is_led_to(DB2, told(FOLLOWED))
    assert not is_led_to(DB2, told(replace(FOLLOWED, held=True))), "it has them wait itself"
    assert not is_led_to(DB1, told(FOLLOWED))


def test_none_of_the_keepers_steps_before_the_last_is_enough() -> None:
    state = Kept(timeline=1, path=DB1, life="0", verified=True)
    for does in ("hold", "cut", "point", "verify", "drain", "refresh"):
        state = after(state, Step(does, DB2, "1"), 0.0)  # type: ignore[arg-type]
        assert not is_led_to(DB2, told(state)), does
    assert is_led_to(DB2, told(after(state, Step("release"), 0.0)))


@pytest.mark.parametrize("text", ["", "cat: state.json: No such file or directory", "[]"])
def test_a_keeper_that_has_written_nothing_leads_nobody(text: str) -> None:
    assert not is_led_to(DB2, text)


def test_an_order_that_was_refused_is_not_waited_out() -> None:
    def refused() -> None:
        raise StepFailed("it may not")

    order = Order(refused)
    wait_for(lambda: order.is_over, within=5, subject="the order to be given")
    with pytest.raises(StepFailed, match="may not"):
        order.require_taken()


def test_an_order_whose_answer_is_still_to_come_is_taken() -> None:
    Order(lambda: None).require_taken()
