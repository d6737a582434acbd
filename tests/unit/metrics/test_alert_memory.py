from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as some

from tenfold.metrics.alerts.memory import Memory, from_json, step
from tenfold.metrics.alerts.rules import CLEAR_SECONDS, FOR_SECONDS
from tenfold.metrics.alerts.sign import Sign

DISK = Sign("disk", "data", "5 % are free", "make room")
BETTER = Sign("disk", "data", "11 % are free", "make room", grave=False)
UNIT = Sign("unit-down", "vm1/app", "app does not run", "tenfold logs app")


def told(*rounds: Sequence[Sign], every: float = 10.0) -> list[tuple[float, str, str]]:
    """What is told, when; a round is the signs of one moment."""
    memory, found = Memory(), []
    for number, signs in enumerate(rounds):
        memory, events = step(memory, signs, number * every)
        memory = from_json(json.loads(json.dumps(memory.to_json())))
        found += [(number * every, event.state, event.alert.key) for event in events]
    return found


def test_it_is_told_once_when_it_stays_and_once_when_it_is_over() -> None:
    wrong = [[DISK]] * 30
    found = told(*wrong, *[[]] * 30)
    fires = FOR_SECONDS["disk"]
    last = 290.0
    assert found == [
        (fires, "firing", "disk data"),
        (last + CLEAR_SECONDS, "resolved", "disk data"),
    ]


def test_what_is_gone_soon_is_not_told() -> None:
    assert told([DISK], [], [DISK], [], [DISK], []) == []
    assert told([DISK], [BETTER], [DISK], [BETTER], [DISK]) == []


def test_up_and_down_around_the_bound_is_one_alert() -> None:
    rounds = [[DISK]] * 3 + [[BETTER], [DISK], [BETTER]] * 20
    assert [state for _, state, _ in told(*rounds)] == ["firing"]


def test_a_short_moment_without_signs_is_not_the_end() -> None:
    rounds = [[DISK]] * 3 + [[]] * 5 + [[DISK]] * 3
    assert [state for _, state, _ in told(*rounds)] == ["firing"]


def test_two_things_are_two_alerts() -> None:
    assert {key for _, _, key in told(*[[DISK, UNIT]] * 5)} == {"disk data", "unit-down vm1/app"}


def test_the_same_thing_again_is_another_alert() -> None:
    memory, ids = Memory(), set()
    for number in range(60):
        memory, events = step(memory, [DISK] if number % 20 < 5 else [], number * 10.0)
        ids |= {event.alert.id for event in events}
    assert len(ids) == 3


def test_the_words_are_the_last_that_were_grave() -> None:
    worse = Sign("disk", "data", "1 % are free", "make room")
    memory = Memory()
    for number, sign in enumerate([DISK, DISK, DISK, worse, BETTER]):
        memory, _ = step(memory, [sign], number * 10.0)
    (alert,) = memory.firing
    assert alert.what == "1 % are free"


def test_a_clock_that_jumps_leaves_nothing_for_ever() -> None:
    memory, _ = step(Memory(), [DISK], 1_000_000.0)
    memory, _ = step(memory, [DISK], 1_000_030.0)
    memory, events = step(memory, [], 5.0)
    assert [event.state for event in events] == ["resolved"]


@given(some.lists(some.sampled_from([(), (DISK,), (BETTER,), (UNIT,), (DISK, UNIT)]), max_size=80))
def test_firing_and_over_take_turns(rounds: list[tuple[Sign, ...]]) -> None:
    found = told(*rounds)
    for key in ("disk data", "unit-down vm1/app"):
        states = [state for _, state, k in found if k == key]
        assert states == [("firing", "resolved")[n % 2] for n in range(len(states))]
