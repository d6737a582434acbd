"""Did a request reach the edge that runs here? Its own log says so, by the request's id."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Self

from tenfold.targets.local.entries import UnitLog

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment

EDGE: Final = "nginx"
WITHIN_SECONDS: Final = 4.0
"""The edge writes its log once a second."""
_LOOK_EVERY_SECONDS: Final = 0.05


class Receipts:
    """What the running edge receives from now on."""

    def __init__(self, logs: Collection[UnitLog]) -> None:
        self._logs = logs
        for log in logs:
            list(log.last(0))  # from here on

    @classmethod
    def of(cls, deployment: Deployment) -> Self | None:
        """Those of a deployment; ``None`` where no edge of it runs."""
        logs: list[UnitLog] = []
        for host in deployment.observe(silent=True).hosts:
            names = [unit.name for unit in host.units if unit.engine == EDGE]
            if names and host.agent == "running":
                logs += deployment.target.unit_logs(host.name, names).values()
        return cls(logs) if logs else None

    def among(self, ids: Collection[str], within_seconds: float = WITHIN_SECONDS) -> frozenset[str]:
        """Which of these requests came in, waiting so long for the last of them."""
        deadline = time.monotonic() + within_seconds
        wanted, found = set(ids), set[str]()
        while wanted - found and time.monotonic() < deadline:
            new = {entry.line.request for log in self._logs for entry in log.new()}
            found |= wanted & {id for id in new if id is not None}
            if wanted - found:
                time.sleep(_LOOK_EVERY_SECONDS)
        return frozenset(found)
