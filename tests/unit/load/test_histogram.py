import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.load.histogram import RELATIVE_ERROR, Histogram


def filled(durations: list[float]) -> Histogram:
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    return histogram


@given(
    st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=300),
    st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999, 1.0]),
)
def test_a_quantile_is_within_half_a_percent_of_the_exact_one(
    durations: list[float], q: float
) -> None:
    exact = sorted(durations)[max(1, math.ceil(q * len(durations))) - 1]
    assert filled(durations).quantile(q) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)


@given(st.lists(st.floats(0, 1e4), min_size=1))
def test_maximum_and_count_are_exact_and_no_quantile_exceeds_the_maximum(
    durations: list[float],
) -> None:
    histogram = filled(durations)
    assert histogram.maximum == max(durations)
    assert histogram.count == len(durations)
    assert histogram.quantile(1.0) <= histogram.maximum


def test_an_empty_one_has_zero_quantiles() -> None:
    assert Histogram().quantile(0.99) == 0.0
