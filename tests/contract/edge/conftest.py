"""A real nginx, started as an agent starts it, in front of a small real app."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.support.edge import NOBODY, as_nobody, builds, nobodys_folder

from tenfold.engines.nginx import Found, Nginx
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.process import Launch
from tenfold.topology.settings import AppSettings, Asset, EdgeSettings
from tenfold.wiring.document import Document


@pytest.fixture(params=builds())
def found(request: pytest.FixtureRequest) -> Found:
    """Each build of nginx that this machine has."""
    return request.param


@dataclass
class App:
    """What the app behind the edge saw, and gates by which a test leads it."""

    port: int = 0
    seen: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
async def app() -> AsyncIterator[App]:
    """A small app: echoes, streams, talks over WebSockets, breaks off."""
    state = App()

    async def echo(request: web.Request) -> web.Response:
        body = await request.read()
        state.seen.append(f"{request.method} {request.raw_path}")
        told = {
            "method": request.method,
            "path": request.raw_path,
            "headers": [[k.decode(), v.decode()] for k, v in request.raw_headers],
            "bytes": len(body),
        }
        return web.json_response(told, headers={"X-Request-ID": "the-app's-own"})

    async def stream(request: web.Request) -> web.StreamResponse:
        kind = request.query.get("kind", "text/event-stream")
        answer = web.StreamResponse(headers={"Content-Type": kind})
        if request.query.get("unbuffered"):
            answer.headers["X-Accel-Buffering"] = "no"
        await answer.prepare(request)
        await answer.write(b"data: first\n\n")
        await state.gate.wait()
        await answer.write(b"data: second\n\n")
        return answer

    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket_ = web.WebSocketResponse()
        await socket_.prepare(request)
        async for message in socket_:
            await socket_.send_str(f"you said {message.data}")
        return socket_

    async def large(request: web.Request) -> web.Response:
        answer = web.Response(text="hello " * 2000, content_type=request.query["kind"])
        if "encoding" in request.query:
            answer.headers["Content-Encoding"] = request.query["encoding"]
        return answer

    async def slow(request: web.Request) -> web.Response:
        state.seen.append(f"{request.method} {request.raw_path}")
        await state.gate.wait()
        return web.Response(text="at last")

    async def break_off(request: web.Request) -> web.Response:
        await request.read()
        state.seen.append(f"{request.method} {request.raw_path}")
        assert request.transport is not None
        request.transport.abort()
        raise ConnectionResetError

    async def teapot(request: web.Request) -> web.Response:
        return web.Response(status=418, text="the app's own teapot")

    async def unavailable(request: web.Request) -> web.Response:
        return web.Response(status=503, text="the app's own words")

    site = web.Application(client_max_size=1 << 30)
    site.router.add_get("/stream", stream)
    site.router.add_get("/talk", talk)
    site.router.add_get("/large", large)
    site.router.add_get("/slow", slow)
    site.router.add_route("*", "/break-off", break_off)
    site.router.add_get("/teapot", teapot)
    site.router.add_get("/unavailable", unavailable)
    site.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(site, keepalive_timeout=75, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    state.port = listener.getsockname()[1]
    await web.SockSite(runner, listener).start()
    yield state
    state.gate.set()
    await runner.cleanup()


@dataclass
class Edge:
    """An edge as a host has it: files, an owned public socket, a process."""

    root: Path
    found: Found
    app_port: int
    settings: EdgeSettings = field(default_factory=EdgeSettings)
    secrets: dict[str, Secret] = field(default_factory=dict)
    listener: socket.socket = field(init=False)
    secure: socket.socket | None = field(init=False, default=None)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    other_ports: tuple[int, ...] = ()
    """Where the app is in other zones."""
    other_edges: tuple[int, ...] = ()
    """Where plain requests come in at the edges of other zones."""

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.settings = replace(self.settings, port=self.listener.getsockname()[1])
        if self.settings.tls is not None:
            self.secure = socket.create_server(("127.0.0.1", 0), backlog=1024)
            self.secure.setblocking(False)
            port = self.secure.getsockname()[1]
            self.settings = replace(self.settings, tls=replace(self.settings.tls, port=port))
        self.assets("current").mkdir(parents=True)
        self.assets("previous").mkdir(parents=True)
        self.storage.mkdir()

    def assets(self, which: str) -> Path:
        return self.root / "assets" / which / "site" / "static"

    @property
    def storage(self) -> Path:
        return self.root / "user files $x"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def secure_port(self) -> int:
        assert self.settings.tls is not None
        return self.settings.tls.port

    @property
    def log(self) -> Path:
        return self.root / "edge.log"

    def scene(self) -> Scene:
        unit = Unit("edge", "nginx", "h1", self.settings)
        others = {f"h{n}": port for n, port in enumerate(self.other_ports, 2)}
        edges = {f"e{n}": port for n, port in enumerate(self.other_edges, 2)}
        apps = (Host("h1", cores=2), *(Host(name, f"zone of {name}") for name in others))
        hosts = (*apps, *(Host(name) for name in edges))
        units = (unit, *(Unit("edge", "nginx", name, self.settings) for name in edges))
        app = AppSettings("site:app", "asgi", "uvicorn")
        pools = tuple(Pool("app", "uvicorn", host.name, app) for host in apps)
        topology = Topology("site", "10", hosts, units, pools)
        root = str(self.root)
        place = Place(
            config=f"{root}/config",
            data=f"{root}/data/edge",
            run=f"{root}/run",
            logs=f"{root}/logs",
            assets=f"{root}/assets",
            address="127.0.0.1",
            binaries={"nginx": self.found.path, "python": sys.executable},
            storage=str(self.storage),
        )
        endpoints = {
            "h1/app": f"127.0.0.1:{self.app_port}",
            "h1/edge": f"127.0.0.1:{self.settings.port}",
            **{f"{name}/app": f"127.0.0.1:{port}" for name, port in others.items()},
            **{f"{name}/edge": f"127.0.0.1:{port}" for name, port in edges.items()},
        }
        document = Document("site", "10", endpoints=endpoints)
        return Scene(topology.hosts[0], topology, document, place, secrets=self.secrets)

    def write(self) -> None:
        """Have the rendered files; each is replaced at once, as an agent does it."""
        scene = self.scene()
        for file in Nginx(self.found.build).render(scene.topology.units[0], scene):
            path = Path(file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}")
            fresh.write_text(file.text if isinstance(file.text, str) else file.text.reveal())
            fresh.chmod(file.mode)
            if os.geteuid() == 0:
                os.chown(fresh, NOBODY, NOBODY)
            fresh.replace(path)

    def launch(self) -> Launch:
        """How the process runs."""
        scene = self.scene()
        return Nginx(self.found.build).launch(scene.topology.units[0], scene)

    def start(self) -> subprocess.Popen[bytes]:
        """Start one more nginx on the owned socket, as an agent does."""
        self.write()
        launch = self.launch()
        for command in launch.prepare:
            if command.creates and not Path(command.creates).exists():
                subprocess.run(command.argv, check=True, **as_nobody())
        fds = {"public": self.listener.fileno()}
        if self.secure is not None:
            fds["public-https"] = self.secure.fileno()
        named = "".join(f"{fds[name]};" for name in launch.sockets)
        self.log.touch()
        if os.geteuid() == 0:
            os.chown(self.log, NOBODY, NOBODY)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                launch.argv,
                cwd=launch.cwd,
                env={"NGINX": named},
                pass_fds=list(fds.values()),
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_nobody(),
            )
        self.processes.append(process)
        return process

    def signal(self, name: str) -> None:
        self.processes[-1].send_signal(getattr(signal, name))

    def kill_group(self) -> None:
        """What an agent does to a unit whose main process has died."""
        process = self.processes[-1]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def children(self) -> list[int]:
        pid = self.processes[-1].pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def lines(self) -> list[dict[str, object]]:
        """The access log."""
        return [json.loads(x) for x in self.log.read_text().splitlines() if x.startswith("{")]

    def complaints(self) -> list[str]:
        """What nginx itself found noteworthy."""
        return [x for x in self.log.read_text().splitlines() if not x.startswith("{")]

    async def ready(self) -> None:
        probe = self.launch().ready
        url = f"http://{probe.address}{probe.path}"
        async with (
            asyncio.timeout(probe.within_seconds),
            aiohttp.ClientSession() as client,
            client.get(url) as answer,
        ):
            assert answer.status < probe.below

    def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self.listener.close()
        if self.secure is not None:
            self.secure.close()


@pytest.fixture
def place() -> Iterator[Path]:
    """A host's folder, with a name that needs quoting."""
    with nobodys_folder("tenfold edge $x é ") as folder:
        yield folder


@pytest.fixture
def settings() -> EdgeSettings:
    """What a test module overrides when it wants other settings."""
    return EdgeSettings(assets=(Asset("/static", "site/static"),), max_body_bytes=1 << 20)


@pytest.fixture
def secrets() -> dict[str, Secret]:
    """What a test module overrides when the edge needs some."""
    return {}


@pytest.fixture
def idle_edge(
    place: Path, found: Found, app: App, settings: EdgeSettings, secrets: dict[str, Secret]
) -> Iterator[Edge]:
    """An edge of which nothing runs yet."""
    made = Edge(place, found, app.port, settings, secrets)
    yield made
    made.close()


@pytest.fixture
async def edge(idle_edge: Edge) -> Edge:
    """An edge that serves."""
    idle_edge.start()
    await idle_edge.ready()
    return idle_edge


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that neither decompresses nor follows by itself."""
    async with aiohttp.ClientSession(edge.url, auto_decompress=False) as session:
        yield session
