"""Traffic as the workers measured it: totals and quantiles, whole and by route. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of one route, or of all; since the workers that serve now have started.

    ``failed`` counts answers of 500 and above. Quantiles are read from buckets, so they are upper
    bounds, off by at most a fifth; ``None`` where nothing was measured. A stream or a WebSocket
    counts when it ends.
    """

    name: str
    requests: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def whole(metrics: Mapping[str, Any]) -> Traffic:
    """All routes together."""
    return _traffic("all", metrics.get("routes", ()), metrics.get("bounds", ()))


def by_route(metrics: Mapping[str, Any]) -> tuple[Traffic, ...]:
    """Each route on its own, the busiest first."""
    bounds = metrics.get("bounds", ())
    rows = [
        _traffic(f"{r['method']} {r['route']}", (r,), bounds) for r in metrics.get("routes", ())
    ]
    return tuple(sorted(rows, key=lambda row: (-row.requests, row.name)))


def _traffic(name: str, routes: Iterable[Mapping[str, Any]], bounds: Sequence[float]) -> Traffic:
    buckets: Counter[int] = Counter()
    classes: Counter[str] = Counter()
    for route in routes:
        buckets.update({int(place): count for place, count in route["buckets"].items()})
        classes.update(route["classes"])
    return Traffic(
        name=name,
        requests=classes.total(),
        failed=classes["5xx"],
        p50_ms=_quantile(buckets, bounds, 0.50),
        p99_ms=_quantile(buckets, bounds, 0.99),
    )


def _quantile(buckets: Mapping[int, int], bounds: Sequence[float], share: float) -> float | None:
    """The upper bound, in milliseconds, of the bucket that holds this share of the requests."""
    wanted = share * sum(buckets.values())
    seen = 0
    for place in sorted(buckets):
        seen += buckets[place]
        if seen >= wanted:
            return bounds[min(place, len(bounds) - 1)] * 1000
    return None
