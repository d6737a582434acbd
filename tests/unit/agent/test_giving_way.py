"""When who comes is to go to another zone."""

from __future__ import annotations

from tenfold.agent.giving_way import PATIENCE_SECONDS, Door, seen


def looked(door: Door, now: float, *, accepts: bool = False, held: bool = False) -> Door:
    return seen(door, now, accepts=accepts, held=held)


def test_who_comes_waits_while_a_worker_may_come_back() -> None:
    door = looked(Door(), 100.0, accepts=True)
    assert door.is_open
    door = looked(door, 101.0)
    assert door.is_open
    assert looked(door, 101.0 + PATIENCE_SECONDS - 0.1).is_open
    assert not looked(door, 101.0 + PATIENCE_SECONDS).is_open


def test_with_one_worker_that_accepts_it_is_open_at_once() -> None:
    door = looked(looked(Door(), 100.0), 110.0)
    assert not door.is_open
    assert looked(door, 110.1, accepts=True) == Door(None, True)


def test_one_that_crashes_again_and_again_is_waited_for_anew_each_time() -> None:
    door = looked(looked(Door(), 100.0), 110.0)
    door = looked(looked(door, 111.0, accepts=True), 112.0)
    assert door.is_open
    assert not looked(door, 115.0).is_open


def test_whoever_is_held_is_waited_for() -> None:
    door = looked(looked(Door(), 100.0), 110.0, held=True)
    assert door.is_open
    assert looked(door, 110.5).is_open, "counted from when the hold is over"


def test_of_an_agent_that_has_just_begun_nothing_is_believed() -> None:
    assert looked(Door(), 5.0).is_open
