"""Orders that are given at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


def at_once(orders: Sequence[Callable[[], None]]) -> None:
    """Give all orders at the same time; raises the first failure when all have ended."""
    if not orders:
        return
    with ThreadPoolExecutor(len(orders), thread_name_prefix="order") as threads:
        futures = [threads.submit(order) for order in orders]
    for future in futures:
        future.result()
