"""Counts that only ever grow, from workers that come and go and from what the edge writes."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tenfold.metrics.snapshot import Edge, Histogram, Route

# Of the wrapper's bounds (0.25 ms by factors of the square root of two) every second one from 1 ms
# on: enough for a quantile, and a third of the lines.
BOUNDS: Final = tuple(round(0.001 * 2**step, 6) for step in range(17))
MAX_ROUTES: Final = 200
OTHER: Final = "other"
# The edge writes "\"" inside of texts, so that no path can look like these. A "status" of a request
# that nobody answered is 0.
_LINE: Final = re.compile(
    rb'"status":(\d{1,3}),"received_bytes":(\d+),"sent_bytes":(\d+),"seconds":(\d+\.?\d*)'
)
_CLASSES: Final = tuple(f"{n}xx" for n in range(10))


class EdgeTraffic:
    """Every request that the edge has written down since this began."""

    def __init__(self) -> None:
        self._classes: Counter[str] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._received = self._sent = 0

    def add(self, log: bytes) -> None:
        """Count the lines of a piece of the edge's log."""
        for status, received, sent, took in _LINE.findall(log):
            seconds = float(took)
            self._classes[_CLASSES[int(status) // 100]] += 1
            self._buckets[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds
            self._received += int(received)
            self._sent += int(sent)

    def total(self) -> Edge:
        """What was counted so far."""
        histogram = Histogram(BOUNDS, tuple(self._buckets), self._seconds)
        return Edge(dict(self._classes), histogram, self._received, self._sent)


Key = tuple[str, str]


class _Source:
    """The workers of one host: who they were, and what they had counted by then."""

    __slots__ = ("before", "workers")

    def __init__(self) -> None:
        self.before: dict[Key, Mapping[str, Any]] = {}
        self.workers: frozenset[object] = frozenset()


class AppTraffic:
    """Every request that the workers have counted, also those that are gone.

    Workers tell what they counted since they started, and take it with them. When some of them were
    replaced, what the new ones counted cannot be told from what the old ones took along: it is left
    out until the sum has grown past what it was. When all were, everything is new.
    """

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}
        self._total: dict[Key, _Counts] = {}

    def add(self, answer: Mapping[str, Any], workers: Iterable[object], *, host: str = "") -> None:
        """An answer to ``metrics`` from this host, and who was there to give it."""
        source = self._sources.setdefault(host, _Source())
        present = frozenset(workers)
        if present and not present & source.workers:
            source.before = {}
        source.workers = present or source.workers
        bounds = answer.get("bounds", ())
        seen: dict[Key, Mapping[str, Any]] = {}
        for row in answer.get("routes", ()):
            key = str(row["method"]), str(row["route"])
            seen[key] = row
            self._counts(key).add(row, source.before.get(key, {}), bounds)
        source.before = seen or source.before

    def total(self) -> tuple[Route, ...]:
        """Every route so far."""
        return tuple(
            Route(method, route, dict(counts.classes), counts.histogram())
            for (method, route), counts in self._total.items()
        )

    def _counts(self, key: Key) -> _Counts:
        if key not in self._total and len(self._total) >= MAX_ROUTES:
            key = OTHER.upper(), OTHER
        return self._total.setdefault(key, _Counts())


class _Counts:
    """Of one route."""

    __slots__ = ("buckets", "classes", "seconds")

    def __init__(self) -> None:
        self.classes: Counter[str] = Counter()
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(
        self, row: Mapping[str, Any], before: Mapping[str, Any], bounds: Sequence[float]
    ) -> None:
        for name, count in _grown(row, before, "classes").items():
            self.classes[name] += count
        for place, count in _grown(row, before, "buckets").items():
            bound = bounds[int(place)] if int(place) < len(bounds) else float("inf")
            self.buckets[bisect_left(BOUNDS, bound)] += count
        self.seconds += max(0.0, row["seconds"] - before.get("seconds", 0.0))

    def histogram(self) -> Histogram:
        return Histogram(BOUNDS, tuple(self.buckets), self.seconds)


def _grown(row: Mapping[str, Any], before: Mapping[str, Any], name: str) -> dict[str, int]:
    old: Mapping[str, int] = before.get(name, {})
    return {k: n - old.get(k, 0) for k, n in row.get(name, {}).items() if n > old.get(k, 0)}


def quantile(histogram: Histogram, share: float) -> float | None:
    """The upper bound, in seconds, of what this share took; ``None`` without any."""
    wanted, seen = share * histogram.count, 0
    for bound, count in zip(
        (*histogram.bounds, histogram.bounds[-1]), histogram.counts, strict=True
    ):
        seen += count
        if count and seen >= wanted:
            return bound
    return None


def since(now: Histogram, before: Histogram) -> Histogram:
    """What came between the two."""
    counts = tuple(max(0, a - b) for a, b in zip(now.counts, before.counts, strict=True))
    return Histogram(now.bounds, counts, max(0.0, now.seconds - before.seconds))
