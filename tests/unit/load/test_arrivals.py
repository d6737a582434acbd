from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.load.arrivals import Arrival, Spacing, expected_count, schedule, time_of_count


def arrivals(
    spacing: Spacing = "constant",
    *,
    rate: float = 100,
    duration_seconds: float = 10,
    ramp_seconds: float = 0,
    seed: int = 1,
    weights: tuple[float, ...] = (1,),
) -> list[Arrival]:
    return list(
        schedule(
            rate=rate,
            duration_seconds=duration_seconds,
            ramp_seconds=ramp_seconds,
            spacing=spacing,
            weights=weights,
            seed=seed,
        )
    )


def test_constant_spacing_is_even() -> None:
    times = [arrival.at for arrival in arrivals(rate=20, duration_seconds=1)]
    assert times == pytest.approx([i / 20 for i in range(1, 21)])


def test_a_ramp_rises_evenly_to_the_plateau() -> None:
    times = [arrival.at for arrival in arrivals(duration_seconds=6, ramp_seconds=4)]
    per_second = Counter(int(at) for at in times if at < 6)
    assert [per_second[second] for second in range(6)] == pytest.approx(
        [12.5, 37.5, 62.5, 87.5, 100, 100], abs=1
    )


@pytest.mark.parametrize("ramp_seconds", [0, 5])
def test_poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process(
    ramp_seconds: float,
) -> None:
    times = [a.at for a in arrivals("poisson", duration_seconds=105, ramp_seconds=ramp_seconds)]
    plateau = [at for at in times if at >= 5]
    # 10,000 expected: six standard deviations are 600
    assert len(plateau) == pytest.approx(10_000, abs=600)
    gaps = [later - earlier for earlier, later in pairwise(plateau)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance**0.5 == pytest.approx(mean, rel=0.05)  # exponential: spread equals mean


def test_the_same_seed_gives_the_same_arrivals_and_another_others() -> None:
    first, second, other = (arrivals("poisson", seed=s, weights=(1, 2)) for s in (3, 3, 4))
    assert first == second
    assert first != other


def test_kinds_come_in_proportion_to_their_weights() -> None:
    kinds = Counter(a.kind for a in arrivals(rate=1_000, weights=(8, 1, 1)))
    assert kinds[0] / kinds.total() == pytest.approx(0.8, abs=0.025)
    assert kinds[1] / kinds.total() == pytest.approx(0.1, abs=0.02)


@given(
    rate=st.floats(0.1, 1e5),
    ramp_seconds=st.floats(0, 1e3),
    t=st.floats(0.001, 1e4),
)
def test_time_of_count_inverts_expected_count(rate: float, ramp_seconds: float, t: float) -> None:
    count = expected_count(rate, ramp_seconds, t)
    assert time_of_count(rate, ramp_seconds, count) == pytest.approx(t, rel=1e-6)


@given(st.integers(), st.floats(0, 5))
def test_arrivals_are_in_order_and_within_the_duration(seed: int, ramp_seconds: float) -> None:
    times = [a.at for a in arrivals("poisson", seed=seed, ramp_seconds=ramp_seconds, rate=20)]
    assert times == sorted(times)
    assert all(0 < at <= 10 for at in times)
