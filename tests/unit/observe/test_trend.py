from __future__ import annotations

import pytest

from tenfold.metrics.history import Series
from tenfold.observe import trend


def series(*points: tuple[int, float], name: str = "requests") -> Series:
    return Series(name, 10, points)


def test_bars_begin_at_zero_and_gaps_are_gaps() -> None:
    told = series((0, 1.0), (10, 2.0), (20, 4.0), (40, 0.0))
    assert trend.line(told, 0, 50, 5) == "▃▅█ ▁"


def test_a_summary_has_the_last_the_least_the_mean_and_the_most() -> None:
    found = trend.summary(series((0, 1.0), (10, 5.0), (20, 3.0)))
    assert found is not None
    assert found.to_json() == {"last": 3.0, "min": 1.0, "mean": 3.0, "max": 5.0}
    assert trend.summary(series()) is None
    assert trend.summary(None) is None


def test_long_times_are_thinned_to_means() -> None:
    told = series(*((n, float(n)) for n in range(100)))
    found = trend.thinned(told, 10)
    assert len(found) == 10
    assert found[0] == (0, 4.5)
    assert trend.thinned(series((0, 1.0)), 10) == ((0, 1.0),)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("sent_bytes", 1_500_000.0, "1.5 MB"),
        ("p95_ms", 8.2, "8.2 ms"),
        ("p95_ms", 128.0, "128 ms"),
        ("machine_cpu", 0.255, "26 %"),
        ("requests", 41.25, "41.25"),
        ("requests", 141.25, "141"),
    ],
)
def test_values_have_units(name: str, value: float, text: str) -> None:
    assert trend.shown(name, value) == text


def test_traffic_in_a_line() -> None:
    found = {
        "requests": series((0, 40.0), (50, 42.0)),
        "errors": series((0, 0.0), name="errors"),
        "p95_ms": series((0, 38.0), name="p95_ms"),
    }
    told = trend.traffic(found, 0, 100)
    assert told is not None
    assert told.endswith("41.0 requests/s, no errors, p95 38 ms")
    assert trend.traffic({}, 0, 100) is None
