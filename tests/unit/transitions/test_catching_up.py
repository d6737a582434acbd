"""Whether a follower will catch up is told by two rates, and believed after a while of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tenfold.transitions.perform.catching_up import STEADY_SECONDS, Race, Rates, Sample
from tenfold.transitions.perform.databases import pace

MB = 1_000_000
BACKLOG = 200 * MB
HALF_HOUR = 1800.0


def samples(
    writes: Callable[[float], float],
    replays: Callable[[float], float],
    seconds: float,
    every: float = 0.2,
) -> Iterable[Sample]:
    """As they would be seen at these rates, in bytes a second at a moment."""
    written, replayed = float(BACKLOG), 0.0
    for number in range(round(seconds / every) + 1):
        at = number * every
        yield Sample(1000.0 + at, round(written), round(replayed))
        written += writes(at) * every
        replayed = min(written, replayed + replays(at) * every)


def hopeless_after(race: Race, seen: Iterable[Sample]) -> float | None:
    for sample in seen:
        race.saw(sample)
        if race.is_hopeless:
            return sample.at - 1000.0
    return None


def test_one_that_is_outrun_steadily_is_given_up_in_a_tenth_of_the_time() -> None:
    race = Race(HALF_HOUR)
    after = hopeless_after(race, samples(lambda _: 12 * MB, lambda _: 8 * MB, HALF_HOUR))
    assert after == pytest.approx(180.0, abs=2.0)
    assert race.rates is not None
    assert race.rates.writes == pytest.approx(12 * MB, rel=0.01)
    assert race.rates.falls_behind == pytest.approx(4 * MB, rel=0.02)


@pytest.mark.parametrize(
    ("writes", "replays"),
    [
        (lambda _: 8 * MB, lambda _: 12 * MB),
        (lambda _: 8 * MB, lambda _: 8.2 * MB),
        (lambda _: 0, lambda _: 0),
        (lambda at: 40 * MB if at % 120 < 60 else 0, lambda _: 25 * MB),
        (lambda at: 20 * MB if at < 150 else 2 * MB, lambda _: 10 * MB),
    ],
    ids=["catches up", "slowly", "stands still", "writes in rushes", "one long rush"],
)
def test_one_that_may_yet_catch_up_is_waited_for(
    writes: Callable[[float], float], replays: Callable[[float], float]
) -> None:
    assert hopeless_after(Race(HALF_HOUR), samples(writes, replays, 900.0)) is None


def test_a_short_time_is_not_cut_shorter() -> None:
    outrun = list(samples(lambda _: 12 * MB, lambda _: 8 * MB, 60.0))
    assert hopeless_after(Race(3.0), outrun[:140]) is None
    assert hopeless_after(Race(3.0), outrun) == pytest.approx(STEADY_SECONDS, abs=1.0)


def test_what_was_seen_before_its_connection_broke_says_nothing() -> None:
    race, outrun = Race(HALF_HOUR), list(samples(lambda _: 12 * MB, lambda _: 8 * MB, 300.0))
    for sample in outrun[:800]:
        race.saw(sample)
    race.lost_sight()
    assert race.rates is None
    assert hopeless_after(race, outrun[800:]) is None


def test_few_samples_are_kept_however_often_it_is_looked() -> None:
    race = Race(HALF_HOUR)
    for sample in samples(lambda _: 12 * MB, lambda _: 13 * MB, 600.0, every=0.05):
        race.saw(sample)
    assert len(race._samples) < 200


def test_before_two_samples_nothing_is_known() -> None:
    race = Race(HALF_HOUR)
    assert (race.rates, race.is_hopeless) == (None, False)
    race.saw(Sample(1.0, 7, 3))
    assert (race.rates, race.is_hopeless) == (None, False)
    race.saw(Sample(1.0, 7, 3))
    assert race.rates is None


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        (
            Rates(12 * MB, 8 * MB),
            "vm1/postgres writes 12.0 MB/s, db1/postgres replays 8.0 MB/s: it falls behind by"
            " 4.0 MB/s",
        ),
        (
            Rates(8 * MB, 12 * MB),
            "vm1/postgres writes 8.0 MB/s, db1/postgres replays 12.0 MB/s: it needs about 50 s"
            " more",
        ),
        (Rates(0, 0), "vm1/postgres writes 0 B/s, db1/postgres replays 0 B/s"),
    ],
)
def test_both_rates_are_told(rates: Rates, told: str) -> None:
    assert pace("vm1/postgres", "db1/postgres", rates, BACKLOG) == told
