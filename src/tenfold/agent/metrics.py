"""Sum what several workers measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def total(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``{"workers": n, "routes": [...]}`` from the workers' answers, and what else the first says.

    Rows are the same route when all their texts are equal; numbers add up, but those whose name
    begins with ``max`` give the greatest; lists of numbers add up element by element.
    """
    rows: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for answer in answers:
        for route in answer.get("routes", ()):
            key = tuple(sorted((k, v) for k, v in route.items() if isinstance(v, str)))
            rows[key] = _added(rows[key], route) if key in rows else dict(route)
    common = {k: v for k, v in (answers[0] if answers else {}).items() if k != "ok"}
    return {**common, "workers": len(answers), "routes": list(rows.values())}


def summed(pools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The same from what :func:`total` gave on several hosts; ``{}`` from none."""
    if len(pools) < 2:
        return pools[0] if pools else {}
    return {**total(pools), "workers": sum(pool.get("workers", 0) for pool in pools)}


def _added(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {k: _sum(k, left.get(k), right.get(k)) for k in {**left, **right}}


def _sum(name: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, list):
        longer, shorter = sorted((left, right), key=len, reverse=True)
        return [_sum(name, a, b) for a, b in zip(longer, shorter)] + longer[len(shorter) :]  # noqa: B905
    if isinstance(left, dict):
        return _added(left, right)
    if isinstance(left, int | float) and not isinstance(left, bool):
        return max(left, right) if name.startswith("max") else left + right
    return left
