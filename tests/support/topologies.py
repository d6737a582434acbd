"""Topologies that many tests start from."""

from __future__ import annotations

from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.settings import (
    AppSettings,
    DatabaseSettings,
    EdgeSettings,
    EndpointSettings,
)


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


def two_zones(workers: int = 2, *, separate_owner: bool = True) -> Topology:
    """The app in two zones, each with an edge and an endpoint, and one database."""
    settings = DatabaseSettings(database="shop", separate_owner=separate_owner)
    app = AppSettings(entry="shop:app", interface="asgi", server="uvicorn")
    zones = (("app1", "a"), ("app2", "b"))
    return Topology(
        app="shop",
        stage="1k",
        hosts=(Host("db1"), *(Host(name, zone) for name, zone in zones)),
        units=(
            Unit("postgres", "postgresql", "db1", settings),
            *(Unit("database", "database_endpoint", n, EndpointSettings()) for n, _ in zones),
            *(Unit("edge", "nginx", n, EdgeSettings(), after=("app",)) for n, _ in zones),
        ),
        pools=tuple(
            Pool("app", "uvicorn", n, app, workers, workers, after=("database",)) for n, _ in zones
        ),
    )
