from __future__ import annotations

import random
from statistics import median

import pytest
from benchmarks.figures import Goal, Interval, Ratio, Verdict, interval_of_median, paired_ratio
from hypothesis import given
from hypothesis import strategies as st

some = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("n", "low", "high", "confidence"),
    [
        # The table of the sign test: which order statistics, and what they hold.
        (6, 1, 6, 0.96875),
        (8, 1, 8, 0.9921875),
        (9, 2, 8, 0.9609375),
        (10, 2, 9, 0.978515625),
        (20, 6, 15, 0.9586105346679688),
    ],
)
def test_the_interval_is_that_of_the_sign_test(
    n: int, low: int, high: int, confidence: float
) -> None:
    assert interval_of_median([float(x) for x in range(1, n + 1)]) == Interval(
        low, high, confidence
    )


def test_few_rounds_give_their_range_and_say_how_little_that_is() -> None:
    assert interval_of_median([3.0, 1.0, 2.0]) == Interval(1.0, 3.0, 0.75)
    assert interval_of_median([5.0]) == Interval(5.0, 5.0, 0.0)


@given(some)
def test_the_median_lies_within_its_interval(values: list[float]) -> None:
    interval = interval_of_median(values)
    assert interval.low <= median(values) <= interval.high


def test_the_interval_covers_a_skewed_distribution_as_often_as_it_says() -> None:
    chance = random.Random(7)
    true_median = 2**0.5  # of 1 / (1 - u)**0.5, whose variance is infinite
    held = 0
    for _ in range(2000):
        interval = interval_of_median([1 / (1 - chance.random()) ** 0.5 for _ in range(10)])
        held += interval.low <= true_median <= interval.high
    assert 0.965 <= held / 2000 <= 0.99


def test_a_slow_spell_that_hits_both_sides_does_not_move_the_ratio() -> None:
    ours, theirs = [90.0, 91.0, 40.0, 45.0, 92.0, 90.0], [100.0, 100.0, 44.0, 50.0, 100.0, 100.0]
    ratio = paired_ratio(ours, theirs)
    assert ratio.interval.low == 0.9
    assert ratio.interval.high < 0.93


@given(some)
def test_the_ratio_to_oneself_is_one(values: list[float]) -> None:
    ratio = paired_ratio(values, values)
    assert (ratio.median, ratio.interval.low, ratio.interval.high) == (1, 1, 1)


def test_rounds_must_be_pairs_and_not_of_zero() -> None:
    with pytest.raises(ValueError, match="2 rounds beside 1"):
        paired_ratio([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="zero"):
        paired_ratio([1.0], [0.0])
    with pytest.raises(ValueError, match="no values"):
        paired_ratio([], [])


@pytest.mark.parametrize(
    ("low", "high", "confidence", "verdict"),
    [
        (0.96, 0.99, 0.97, Verdict.REACHED),
        (0.90, 0.94, 0.97, Verdict.MISSED),
        (0.94, 0.99, 0.97, Verdict.OPEN),
        (0.96, 0.99, 0.75, Verdict.OPEN),
    ],
)
def test_a_goal_is_reached_only_where_the_whole_interval_says_so(
    low: float, high: float, confidence: float, verdict: Verdict
) -> None:
    ratio = Ratio((low + high) / 2, Interval(low, high, confidence), 10)
    assert Goal(at_least=0.95).judge(ratio) is verdict


def test_a_goal_from_above() -> None:
    ratio = Ratio(1.03, Interval(1.01, 1.04, 0.97), 10)
    assert Goal(at_most=1.05).judge(ratio) is Verdict.REACHED
    assert Goal(at_most=1.0).judge(ratio) is Verdict.MISSED
    assert str(Goal(at_most=1.05)) == "≤ 1.05"
    with pytest.raises(ValueError, match="one bound"):
        Goal()
