from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from tenfold.agent.lull import LEARN_SHARE, Lull

WITHIN = 2.0
LEARNT = WITHIN * LEARN_SHARE


def test_nothing_at_all_is_a_lull_at_once() -> None:
    assert Lull(WITHIN).is_now(0, 0.0)


def test_few_are_a_lull_only_when_it_is_known_what_few_are() -> None:
    lull = Lull(WITHIN)
    assert not lull.is_now(3, 0.0)
    assert not lull.is_now(2, LEARNT / 2)
    assert not lull.is_now(2, LEARNT - 0.01)
    assert not lull.is_now(3, LEARNT)
    assert lull.is_now(2, LEARNT + 0.1)


def test_a_first_look_that_comes_late_is_no_lull() -> None:
    lull = Lull(WITHIN)
    assert not lull.is_now(5, LEARNT + 0.1)
    assert lull.is_now(5, LEARNT + 0.2)


@given(some.lists(some.integers(1, 9), min_size=2, max_size=40))
def test_a_lull_has_as_few_as_any_moment_before(counts: list[int]) -> None:
    lull = Lull(WITHIN)
    for number, count in enumerate(counts):
        if lull.is_now(count, number * WITHIN / len(counts)):
            assert count <= min(counts[:number])
            return
