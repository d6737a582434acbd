"""Counts requests per route: how many, how they ended, how long they took. Bounded in memory."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

# Upper bounds in seconds, 0.25 ms to 64 s by factors of the square root of two: a quantile read
# from them is off by at most a fifth.
BOUNDS: Final = tuple(round(0.00025 * 2 ** (step / 2), 6) for step in range(37))
MAX_ROUTES: Final = 500
UNMATCHED: Final = "unmatched"
OTHER: Final = "other"
METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET", "CONNECT", "TRACE")
)


class Route:
    """The counters of one method and route template.

    ``classes[n]`` counts the answers n00 to n99; ``buckets[i]`` those that took at most
    ``BOUNDS[i]`` seconds and longer than the bound before, its last place the slower ones.
    """

    __slots__ = ("buckets", "classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * 10
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, status: int, seconds: float) -> None:
        """Count one request. Not atomic: threads share a lock around it."""
        self.classes[status // 100 % 10] += 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Routes:
    """All routes of a process.

    Templates come from the app's own routing, so there are few; a request that matched none counts
    as ``unmatched``, and whatever comes after :data:`MAX_ROUTES` pairs of method and route as
    ``other``. Clients therefore cannot make it grow.
    """

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], Route] = {}

    def route(self, method: str, template: str) -> Route:
        """The counters of this method and template, or those that all late-comers share."""
        return self._routes.get((method, template)) or self._open(method, template)

    def total(self) -> int:
        """How many requests were counted."""
        return sum(sum(counters.classes) for counters in list(self._routes.values()))

    def snapshot(self) -> list[dict[str, Any]]:
        """One object per route, for the answer to ``metrics``; ``le`` are bucket bounds."""
        return [
            {
                "method": method,
                "route": route,
                "classes": {f"{n}xx": c for n, c in enumerate(counters.classes) if c},
                "seconds": round(counters.seconds, 6),
                "buckets": {str(n): c for n, c in enumerate(counters.buckets) if c},
            }
            for (method, route), counters in list(self._routes.items())
        ]

    def _open(self, method: str, template: str) -> Route:
        method = method if method in METHODS else OTHER.upper()
        if len(self._routes) >= MAX_ROUTES:
            template = OTHER
        return self._routes.setdefault((method, template), Route())


def merge(snapshots: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The sum over the processes of one group."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in (e for snapshot in snapshots for e in snapshot):
        into = merged.setdefault(
            (entry["method"], entry["route"]),
            {**entry, "classes": {}, "buckets": {}, "seconds": 0.0},
        )
        into["seconds"] = round(into["seconds"] + entry["seconds"], 6)
        for kind in ("classes", "buckets"):
            for key, count in entry[kind].items():
                into[kind][key] = into[kind].get(key, 0) + count
    return list(merged.values())


def answer(snapshots: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """The answer to ``metrics``; ``bounds`` are the buckets' upper bounds in seconds."""
    return {"ok": True, "bounds": list(BOUNDS), "routes": merge(snapshots)}
