"""The database endpoint: its file and its process, from a scene. Pure.

An nginx of its own, never the edge's: pointing it elsewhere reloads nothing that serves requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from posixpath import join

from tenfold.engines.nginx.build import Build
from tenfold.engines.nginx.text import fill, quoted
from tenfold.engines.postgresql.peers import leader
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import EndpointSettings

MODULE = "ngx_stream_module.so"
MOST_WORKERS = 2
NO_SOCKET = "nobody.sock"
"""No such socket is ever made."""


@dataclass(frozen=True, slots=True)
class DatabaseEndpoint:
    """Renders for one build of nginx, which can relay (:func:`.binaries.require_stream`)."""

    build: Build = field(default_factory=lambda: Build(stream="built in"))

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "database_endpoint"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """``nginx.conf``. It changes with whoever leads; a reload then takes it over.

        Raises:
            ValueError: nobody knows who leads the cluster.
        """
        leads = scene.wiring.endpoints[leader(_settings(member).cluster, scene).path]
        return self._file(member, scene, leads)

    def render_refusing(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """The same while it is to refuse connections: it points to where nobody ever listens."""
        return self._file(member, scene, f"unix:{join(scene.place.data, NO_SOCKET)}")

    def _file(self, member: Unit | Pool, scene: Scene, leads: str) -> tuple[File, ...]:
        values = {
            "APP": scene.topology.app,
            "CLUSTER": _settings(member).cluster,
            "LOAD_STREAM": self._load_stream(),
            "WORKERS": str(min(scene.host.cores, MOST_WORKERS)),
            "LISTEN": scene.wiring.endpoints[member.path],
            "LEADER": leads,
        }
        template = files(__package__).joinpath("files", "nginx.conf").read_text(encoding="utf-8")
        return (File(join(scene.place.config, "nginx.conf"), fill(template, values)),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """nginx in the foreground on a socket of the agent's that has the member's name.

        The socket must be non-blocking: nginx leaves the flags of an inherited one as they are.
        """
        place = scene.place
        # nginx writes its number there when it has read its file and taken the socket over.
        pid = join(place.data, "nginx.pid")
        return Launch(
            argv=(
                place.binaries["nginx"],
                *("-e", "stderr"),
                *("-p", f"{place.data}/"),
                *("-c", join(place.config, "nginx.conf")),
            ),
            cwd=place.config,
            env={"NGINX": f"{{fd:{member.name}}};"},
            sockets=(member.name,),
            prepare=(
                Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),
                Command(("rm", "-f", pid), thorough=False),  # at a failover users wait for it
            ),
            ready=Probe("exec", argv=("test", "-s", pid)),
            # Not SIGQUIT, which would wait for the sessions' end.
            stop=Stop("SIGTERM", within_seconds=5.0),
            reload="SIGHUP",
        )

    def _load_stream(self) -> str:
        if self.build.stream != "module":
            return ""
        return f"load_module {quoted(join(self.build.modules, MODULE))};"


def _settings(member: Unit | Pool) -> EndpointSettings:
    if not isinstance(member.settings, EndpointSettings):
        raise TypeError(f"{member.path} is no database endpoint")
    return member.settings
