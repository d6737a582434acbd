"""The gatherer's files and its process, from a scene. Pure.

Nothing in them depends on which hosts, databases and workers there are: it finds those by itself,
so that no move between stages restarts it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import DatabaseSettings, MetricsSettings, RedisSettings

SOCKET = "metrics"
CONFIG = "metrics.json"
HISTORY = "history.db"


class Metrics:
    """Renders :mod:`tenfold.metrics`, which Tenfold brings along itself."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "metrics"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Its configuration, which has the password of the role that may read statistics."""
        place = scene.place
        told: dict[str, Any] = {
            "hosts": place.data.removesuffix(f"/data/{member.name}").rpartition("/")[0],
            "host": place.data.removesuffix(f"/data/{member.name}").rpartition("/")[2],
            "data": place.data,
            "config": place.config,
            "database": _database(scene),
            "redis": _redis(scene),
            "alerts": _alerts(member, scene),
        }
        text = Secret(json.dumps(told, indent=1) + "\n")
        return (File(f"{place.config}/{CONFIG}", text, mode=0o600),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """A process on the agent's loopback socket."""
        place = scene.place
        made = "".join(_plain(file) for file in self.render(member, scene))
        told = f"{settings_of(member).port}\n{made}"
        ready = f"{place.data}/ready"
        return Launch(
            argv=(
                *(place.binaries["python"], "-I", "-m", "tenfold.metrics"),
                *("serve", f"{place.config}/{CONFIG}", "--fd", f"{{fd:{SOCKET}}}"),
            ),
            cwd=place.config,
            # It rereads nothing: what is told it anew, and another port, are another launch.
            env={"TENFOLD_CONFIG": hashlib.sha256(told.encode()).hexdigest()[:16]},
            sockets=(SOCKET,),
            prepare=(
                Command(("mkdir", "-p", "-m", "0755", place.data), creates=place.data),
                Command(("rm", "-f", ready), thorough=False),
            ),
            ready=Probe("exec", argv=("test", "-e", ready)),
            stop=Stop("SIGTERM", within_seconds=5.0),
        )


def _plain(file: File) -> str:
    return file.text.reveal() if isinstance(file.text, Secret) else file.text


def settings_of(member: Unit | Pool) -> MetricsSettings:
    """The member's settings. Raises ``TypeError`` for another kind of unit."""
    if not isinstance(member.settings, MetricsSettings):
        raise TypeError(f"{member.path} gathers no figures")
    return member.settings


def _alerts(member: Unit | Pool, scene: Scene) -> dict[str, Any] | None:
    told = settings_of(member).alerts
    if told is None:
        return None
    return {
        "webhook": scene.secrets["alerts.webhook"].reveal() if told.webhook else None,
        "command": list(told.command),
        "disk_free_percent": told.disk_free_percent,
        "error_percent": told.error_percent,
    }


def _database(scene: Scene) -> dict[str, str] | None:
    """How to reach any server of the cluster; where, the gatherer sees."""
    for member in scene.topology.of(DatabaseSettings):
        settings = member.settings
        assert isinstance(settings, DatabaseSettings)
        if settings.monitor_role is None:
            return None
        return {
            "user": settings.monitor_role,
            "password": scene.secrets[f"{settings.cluster}.monitor"].reveal(),
            "database": settings.database,
        }
    return None


def _redis(scene: Scene) -> str | None:
    """The password of the server that Tenfold runs."""
    own = scene.topology.of(RedisSettings)
    return scene.secrets["redis.app"].reveal() if own else None
