"""The history that is kept beside the app, for whoever reads it: also while nothing runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.engines.metrics.render import HISTORY
from tenfold.metrics import history
from tenfold.metrics.history import Series
from tenfold.topology.model import Host

Found = Mapping[str, Series]

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment


def path(deployment: Deployment) -> Path | None:
    """Where the history is; ``None`` where there is none."""
    for name in deployment.target.hosts():
        found = Path(deployment.target.locate(Host(name)).root, "data", "metrics", HISTORY)
        if found.is_file():
            return found
    return None


def read(deployment: Deployment, names: Collection[str], since: float, until: float) -> Found:
    """These figures between two moments; nothing where there is no history."""
    found = path(deployment)
    return {} if found is None else history.read(found, names, since, until)
