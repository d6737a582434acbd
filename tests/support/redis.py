"""Redis-compatible servers for tests: those of this machine, and scenes to render."""

from __future__ import annotations

from pathlib import Path

from tenfold.engines.protocol import Place, Scene
from tenfold.engines.redis import Found, find
from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import RedisSettings
from tenfold.wiring.document import Document

PASSWORD = "a-password-of-the-app"


def servers() -> list[Found]:
    """Every server here: the wheel's and the one on PATH."""
    found = []
    for source in ("wheel", "path"):
        try:
            found.append(find(source))
        except Refused:
            continue
    return found


def scene(
    settings: RedisSettings,
    root: str | Path = "/srv/shop",
    *,
    endpoint: str = "127.0.0.2:6379",
    program: str = "/usr/bin/redis-server",
) -> tuple[Unit, Scene]:
    unit = Unit("redis", "redis", "vm1", settings)
    place = Place(
        config=f"{root}/config/redis",
        data=f"{root}/data/redis",
        run=f"{root}/run",
        logs=f"{root}/logs",
        assets=f"{root}/assets",
        address=endpoint.rpartition(":")[0],
        binaries={"redis-server": program},
    )
    return unit, Scene(
        Host("vm1"),
        Topology("shop", "10", (Host("vm1"),), (unit,)),
        Document("shop", "10", endpoints={unit.path: endpoint}),
        place,
        secrets={"redis.app": Secret(PASSWORD)},
    )
