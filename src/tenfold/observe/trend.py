"""Figures over time in few characters. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenfold.metrics.history import Series
from tenfold.observe.report.figures import size

STEPS = "▁▂▃▄▅▆▇█"
GAP = " "
WIDTH = 30


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over some time: the last value, the least, the mean, the greatest."""

    last: float
    least: float
    mean: float
    most: float

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return {"last": self.last, "min": self.least, "mean": self.mean, "max": self.most}


def summary(series: Series | None) -> Summary | None:
    """``None`` where nothing is known."""
    values = [value for _, value in series.points] if series else []
    if not values:
        return None
    return Summary(values[-1], min(values), sum(values) / len(values), max(values))


def line(series: Series, since: float, until: float, width: int = WIDTH) -> str:
    """The means of ``width`` parts of the time as bars from zero on; a gap where there is none."""
    parts = _parts(series.points, since, until, width)
    most = max((part for part in parts if part is not None), default=0.0)
    return "".join(GAP if part is None else _bar(part, most) for part in parts)


def thinned(series: Series, most: int) -> tuple[tuple[int, float], ...]:
    """At most so many points, each the mean of those it stands for, at the first one's time."""
    if len(series.points) <= most:
        return series.points
    begin, end = series.points[0][0], series.points[-1][0] + 1
    each = (end - begin) / most
    found: dict[int, list[tuple[int, float]]] = {}
    for at, value in series.points:
        found.setdefault(int((at - begin) / each), []).append((at, value))
    return tuple((p[0][0], sum(v for _, v in p) / len(p)) for p in found.values())


def shown(name: str, value: float) -> str:
    """A value with its unit, which the name ends with."""
    if name.endswith("_bytes"):
        return size(round(value))
    if name.endswith("_ms"):
        return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
    if name == "machine_cpu":
        return f"{value * 100:.0f} %"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def traffic(found: Mapping[str, Series], since: float, until: float) -> str | None:
    """``▁▂▅▇ 41 requests/s, 0.1 errors/s, p95 38 ms``; ``None`` where nothing is known."""
    requests = found.get("requests")
    told = summary(requests)
    if requests is None or told is None:
        return None
    parts = [f"{line(requests, since, until)}  {told.mean:.1f} requests/s"]
    errors, slow = summary(found.get("errors")), summary(found.get("p95_ms"))
    if errors is not None:
        parts.append(f"{errors.mean:.2g} errors/s" if errors.mean else "no errors")
    if slow is not None:
        parts.append(f"p95 {shown('p95_ms', slow.mean)}")
    return ", ".join(parts)


def to_json(found: Mapping[str, Series]) -> dict[str, Any]:
    """A summary of each, by name."""
    summaries = {name: summary(series) for name, series in found.items()}
    return {name: None if s is None else s.to_json() for name, s in summaries.items()}


def _parts(
    points: Iterable[tuple[int, float]], since: float, until: float, width: int
) -> Sequence[float | None]:
    each = (until - since) / width
    values: list[list[float]] = [[] for _ in range(width)]
    for at, value in points:
        place = int((at - since) / each)
        if 0 <= place < width:
            values[place].append(value)
    return [sum(part) / len(part) if part else None for part in values]


def _bar(value: float, most: float) -> str:
    if most <= 0 or value <= 0:
        return STEPS[0]
    return STEPS[min(len(STEPS) - 1, int(value / most * len(STEPS)))]
