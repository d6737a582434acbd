"""The failover keeper's file and its process, from a scene. Pure.

It is told the endpoint's file for each server that may lead, so that it renders nothing itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenfold.engines.database_endpoint.render import DatabaseEndpoint
from tenfold.engines.nginx.build import Build
from tenfold.engines.postgresql.peers import address, database, leader, members
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.databases import NOBODY
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import AppSettings, FailoverSettings

CONFIG = "failover.json"


@dataclass(frozen=True, slots=True)
class Failover:
    """Renders for the build of nginx that the endpoint runs."""

    build: Build = field(default_factory=lambda: Build(stream="built in"))

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "failover"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Its configuration, which has the app's password: it asks servers as the app does.

        Raises:
            ValueError: nobody knows who leads the cluster.
            KeyError: there is no endpoint of this name on the host.
        """
        told = {**self._lasting(member, scene), "points_to": _leader(member, scene)}
        text = Secret(json.dumps(told, indent=1) + "\n")
        return (File(f"{scene.place.config}/{CONFIG}", text, mode=0o600),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """One process. Whoever leads meanwhile does not change it, other servers do."""
        place = scene.place
        told = json.dumps(self._lasting(member, scene), sort_keys=True)
        ready = f"{place.data}/ready"
        return Launch(
            argv=(
                *(place.binaries["python"], "-I", "-m", "tenfold.failover"),
                f"{place.config}/{CONFIG}",
            ),
            cwd=place.config,
            # It rereads nothing: what is told it anew is another launch.
            env={"TENFOLD_CONFIG": hashlib.sha256(told.encode()).hexdigest()[:16]},
            prepare=(
                Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),
                Command(("rm", "-f", ready), thorough=False),
            ),
            ready=Probe("exec", argv=("test", "-e", ready)),
            stop=Stop("SIGTERM", within_seconds=5.0),
        )

    def _lasting(self, member: Unit | Pool, scene: Scene) -> dict[str, Any]:
        settings = settings_of(member)
        place, servers = scene.place, members(settings.cluster, scene)
        endpoint = _endpoint(settings, member, scene)
        login = {
            "user": database(servers[0]).app_role,
            "password": scene.secrets[f"{settings.cluster}.app"].reveal(),
            "database": database(servers[0]).database,
        }
        return {
            "data": place.data,
            "run": place.run,
            "endpoint": endpoint.name,
            "through_endpoint": {**_at(scene.wiring.endpoints[endpoint.path]), **login},
            "servers": {m.path: {**_at(scene.wiring.endpoints[m.path]), **login} for m in servers},
            "files": self._files(endpoint, servers, member, scene),
            "pools": [p.name for p in scene.topology.pools if _waits(p, member)],
            "limits": {
                "silence_seconds": settings.silence_seconds,
                "hold_seconds": settings.hold_seconds,
            },
        }

    def _files(
        self,
        endpoint: Unit | Pool,
        servers: Sequence[Unit | Pool],
        member: Unit | Pool,
        scene: Scene,
    ) -> dict[str, dict[str, Any]]:
        """The endpoint's file if this server leads, or nobody, in the words of the agent's
        ``write``."""
        place = replace(
            scene.place,
            config=f"{scene.place.config.removesuffix(member.name)}{endpoint.name}",
            data=f"{scene.place.data.removesuffix(member.name)}{endpoint.name}",
        )
        there, engine = replace(scene, place=place), DatabaseEndpoint(self.build)
        found = {NOBODY: engine.render_refusing(endpoint, there)}
        for server in servers:
            led = {**scene.leaders, settings_of(member).cluster: server.path}
            found[server.path] = engine.render(endpoint, replace(there, leaders=led))
        return {
            path: {"path": file.path, "text": str(file.text), "mode": file.mode}
            for path, (file,) in found.items()
        }


def settings_of(member: Unit | Pool) -> FailoverSettings:
    """The member's settings. Raises ``TypeError`` for another kind of unit."""
    if not isinstance(member.settings, FailoverSettings):
        raise TypeError(f"{member.path} follows no leader")
    return member.settings


def _endpoint(settings: FailoverSettings, member: Unit | Pool, scene: Scene) -> Unit | Pool:
    return scene.topology.member(f"{member.host}/{settings.endpoint}")


def _leader(member: Unit | Pool, scene: Scene) -> str:
    return leader(settings_of(member).cluster, scene).path


def _waits(pool: Pool, member: Unit | Pool) -> bool:
    return pool.host == member.host and isinstance(pool.settings, AppSettings)


def _at(endpoint: str) -> dict[str, Any]:
    host, port = address(endpoint)
    return {"host": host, "port": port}
