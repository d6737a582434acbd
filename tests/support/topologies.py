"""Topologies that many tests start from."""

from __future__ import annotations

from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.settings import AppSettings, DatabaseSettings, EdgeSettings


def one_host(workers: int = 2, *, separate_owner: bool = True) -> Topology:
    """Stage 10 as tests need it: database, app and edge on one host."""
    return Topology(
        app="shop",
        stage="10",
        hosts=(Host("vm1"),),
        units=(
            Unit(
                "postgres",
                "postgresql",
                "vm1",
                DatabaseSettings(database="shop", separate_owner=separate_owner),
            ),
            Unit("edge", "nginx", "vm1", EdgeSettings(), after=("app",)),
        ),
        pools=(
            Pool(
                "app",
                "uvicorn",
                "vm1",
                AppSettings(entry="shop:app", interface="asgi", server="uvicorn"),
                minimum=workers,
                maximum=workers,
                after=("postgres",),
            ),
        ),
    )
