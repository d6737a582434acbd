"""Families of one kind, as prometheus-client takes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric

from tenfold.metrics.snapshot import Histogram

Row = tuple[Sequence[str], float]


def gauge(name: str, text: str, value: float) -> Metric:
    """One value that goes up and down."""
    return GaugeMetricFamily(name, text, value=float(value))


def counter(name: str, text: str, value: float) -> Metric:
    """One value that only grows."""
    return CounterMetricFamily(name, text, value=float(value))


def gauges(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    """A value for each set of labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family


def counters(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    """A value that only grows for each set of labels."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family


def histograms(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    """A histogram for each set of labels."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in rows:
        sums = list(accumulate(histogram.counts))
        bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
        family.add_metric(
            values, list(zip(bounds, map(float, sums), strict=True)), histogram.seconds
        )
    return family
