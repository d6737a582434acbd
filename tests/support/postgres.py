"""A real PostgreSQL server from the engine's own files and launch, without an agent.

::

    with running() as server:
        server.prepare()                                # roles, database, grants
        with server.connect("app") as connection: ...

    with pair() as (leader, follower):                  # of one cluster; only the leader runs
        follower.start()                                # copies, follows

As root, everything runs as an unprivileged user, since PostgreSQL refuses root. Nothing is left: no
process, no directory.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

from tenfold.engines.postgresql import admin, orders, replication
from tenfold.engines.postgresql.binaries import Binaries, every, find
from tenfold.engines.postgresql.conf import OLDEST_MAJOR
from tenfold.engines.postgresql.disk import DiskState, parse_disk_state
from tenfold.engines.postgresql.login import Connection, Login
from tenfold.engines.postgresql.peers import slot_name
from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import DatabaseSettings
from tenfold.wiring.document import Document

ADDRESS = "127.0.0.1"
NOBODY = 65534
ENGINE = PostgreSQL()


def unprivileged() -> dict[str, Any]:
    """Arguments for :mod:`subprocess` by which root becomes somebody who may run PostgreSQL."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def wait_for(condition: Callable[[], bool], *, within: float, subject: str) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{subject}: not within {within} s")
        time.sleep(0.01)


def scene_for(
    settings: DatabaseSettings,
    root: str,
    binaries: Mapping[str, str],
    *,
    port: int = 5432,
    memory_bytes: int = 1 << 30,
    cores: int = 2,
    passwords: Mapping[str, Secret] | None = None,
) -> tuple[Unit, Scene]:
    """A unit alone on its host, and all that rendering looks at."""
    unit = Unit("postgres", "postgresql", "vm1", settings)
    host = Host("vm1", memory_bytes=memory_bytes, cores=cores)
    place = Place(
        config=f"{root}/config",
        data=f"{root}/data",
        run=f"{root}/run",
        logs=f"{root}/logs",
        assets=f"{root}/assets",
        address=ADDRESS,
        binaries=binaries,
    )
    roles = ("superuser", "owner", "app", "replication")
    if passwords is None:
        passwords = {f"{settings.cluster}.{role}": Secret.generate() for role in roles}
    wiring = Document("shop", "10", endpoints={unit.path: f"{ADDRESS}:{port}"})
    topology = Topology("shop", "10", hosts=(host,), units=(unit,))
    return unit, Scene(host, topology, wiring, place, passwords)


def follower_scene(
    leader: tuple[Unit, Scene],
    root: str,
    *,
    port: int = 5432,
    memory_bytes: int = 1 << 30,
    cores: int = 2,
    address: str = ADDRESS,
) -> tuple[tuple[Unit, Scene], tuple[Unit, Scene]]:
    """Another member of the leader's cluster, on a host ``db1`` of its own: both, as they are now.

    The leader's scene changes too: its topology has two hosts now.
    """
    unit, scene = leader
    assert isinstance(unit.settings, DatabaseSettings)
    node = replace(unit.settings, node=unit.settings.node + 1)
    other = Unit("postgres", "postgresql", "db1", node)
    host = Host("db1", memory_bytes=memory_bytes, cores=cores)
    topology = replace(
        scene.topology,
        hosts=(*scene.topology.hosts, host),
        units=(*scene.topology.units, other),
    )
    endpoints = {**scene.wiring.endpoints, other.path: f"{address}:{port}"}
    here = replace(
        scene,
        topology=topology,
        wiring=replace(scene.wiring, endpoints=endpoints),
        leaders={unit.settings.cluster: unit.path},
    )
    place = replace(
        scene.place,
        config=f"{root}/config",
        data=f"{root}/data",
        run=f"{root}/run",
        logs=f"{root}/logs",
        assets=f"{root}/assets",
        address=address,
    )
    return (unit, here), (other, replace(here, host=host, place=place))


@dataclass
class Server:
    """One server: its unit, its scene, and the process while it runs."""

    unit: Unit
    scene: Scene
    root: Path
    process: subprocess.Popen[bytes] | None = None
    commands: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def settings(self) -> DatabaseSettings:
        assert isinstance(self.unit.settings, DatabaseSettings)
        return self.unit.settings

    @property
    def data(self) -> Path:
        return Path(self.scene.place.data) / "cluster"

    @property
    def log(self) -> str:
        return (self.root / "log").read_text(errors="replace")

    def write(self) -> None:
        """Put the rendered files where they belong, as the server's user."""
        for file in ENGINE.render(self.unit, self.scene):
            path = Path(file.path)
            text = file.text.reveal() if isinstance(file.text, Secret) else file.text
            path.write_text(text)
            path.chmod(file.mode)
            self._own(path)

    def run_prepare(self) -> None:
        """Carry out the launch's commands; raises ``CalledProcessError``."""
        for command in ENGINE.launch(self.unit, self.scene).prepare:
            if command.creates is None or not Path(command.creates).exists():
                self._run(command)

    def begin(self, command: Command) -> subprocess.Popen[bytes]:
        """Start a command as an agent does: own session, output to the log."""
        return self._popen(command.argv, command.env)

    def start(self) -> None:
        """Files, commands, process, ready."""
        self.write()
        self.run_prepare()
        launch = ENGINE.launch(self.unit, self.scene)
        process = self.process = self._popen(launch.argv, launch.env)

        def ready() -> bool:
            assert process.poll() is None, f"PostgreSQL ended with {process.poll()}:\n{self.log}"
            probe = subprocess.run(launch.ready.argv, check=False, **unprivileged())
            return probe.returncode == 0

        wait_for(ready, within=60, subject="PostgreSQL to accept connections")

    def stop(self) -> None:
        """End it as its launch says."""
        stop = ENGINE.launch(self.unit, self.scene).stop
        if self.process is not None:
            self.process.send_signal(signal.Signals[stop.signal])
            self.process.wait(stop.within_seconds)
            self.process = None

    def reload(self) -> None:
        """The rendered files, reread as its launch says; read when the next session begins."""
        self.write()
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def order(self, build: Callable[[Unit, Scene], Command]) -> str:
        """Carry out an order of :mod:`tenfold.engines.postgresql.orders`; gives what it printed."""
        command = build(self.unit, self.scene)
        self.commands.append(command.argv)
        return subprocess.run(
            command.argv,
            check=True,
            capture_output=True,
            text=True,
            cwd=command.cwd,
            timeout=command.within_seconds,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            **unprivileged(),
        ).stdout

    def on_disk(self) -> DiskState:
        return parse_disk_state(self.order(orders.disk_state))

    def lead(self, *servers: Server) -> None:
        """Have scenes say that this server leads, its own and others'."""
        for server in (self, *servers):
            leaders = {self.settings.cluster: self.unit.path}
            server.scene = replace(server.scene, leaders=leaders)

    def kill(self) -> None:
        """``kill -9`` for its process group, which its children are not in."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def processes(self) -> list[int]:
        """Every process that works in the data directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and (entry / "cwd").readlink() == self.data.resolve():
                    found.append(int(entry.name))
            except OSError:
                continue  # gone meanwhile, or somebody else's
        return found

    def prepare(self, *, separate_owner: bool | None = None) -> tuple[str, ...]:
        """Roles, database, grants; from now on with a separate owner or without, if said."""
        if separate_owner is not None:
            settings = replace(self.settings, separate_owner=separate_owner)
            self.unit = replace(self.unit, settings=settings)
        return admin.prepare(self.unit, self.scene)

    def login(self, role: str, *, database: str | None = None) -> Login:
        return admin.login(self.unit, self.scene, role, database=database)

    def connect(
        self, role: str, *, database: str | None = None
    ) -> AbstractContextManager[Connection]:
        """A session as people have one: names mean what the database says."""
        return admin.connect(replace(self.login(role, database=database), catalog_only=False))

    def _run(self, command: Command) -> None:
        process = self.begin(command)
        code = process.wait(command.within_seconds)
        if code != 0:
            raise subprocess.CalledProcessError(code, command.argv, self.log)

    def _popen(
        self, argv: tuple[str, ...], env: Mapping[str, str | Secret]
    ) -> subprocess.Popen[bytes]:
        plain = {k: v.reveal() if isinstance(v, Secret) else v for k, v in env.items()}
        self.commands.append(argv)
        with (self.root / "log").open("ab") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", **plain},
                start_new_session=True,
                **unprivileged(),
            )

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)


def make(
    root: Path,
    settings: DatabaseSettings | None = None,
    binaries: Binaries | None = None,
) -> Server:
    """A server in this directory, not started yet."""
    binaries = binaries or find()
    settings = settings or DatabaseSettings("shop", major=binaries.major)
    unit, scene = scene_for(settings, str(root), binaries.programs(), port=free_port())
    return _placed(Server(unit, scene, root))


def make_follower(leader: Server, root: Path) -> Server:
    """A follower in this directory, with its slot, neither copied nor started yet."""
    here, there = follower_scene((leader.unit, leader.scene), str(root), port=free_port())
    leader.unit, leader.scene = here
    return _placed(Server(*there, root))


def _placed(server: Server) -> Server:
    root = server.root
    for path in (root, *(root / name for name in ("config", "data", "run", "logs"))):
        path.mkdir(mode=0o700, exist_ok=True)
        server._own(path)
    return server


@contextmanager
def made(
    settings: DatabaseSettings | None = None,
    binaries: Binaries | None = None,
    *,
    prefix: str = "tfpg-",
) -> Iterator[Server]:
    """A server in a directory of its own, not started; gone at the end, whatever its state."""
    root = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    server = make(root, settings, binaries)
    with _gone_at_the_end(server):
        yield server


@contextmanager
def _gone_at_the_end(server: Server) -> Iterator[None]:
    try:
        yield
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait(30)
        wait_for(lambda: not server.processes(), within=30, subject="PostgreSQL's children to end")
        shutil.rmtree(server.root)


@contextmanager
def running(
    settings: DatabaseSettings | None = None, binaries: Binaries | None = None
) -> Iterator[Server]:
    """A started server with its roles and its database."""
    with made(settings, binaries) as server:
        server.start()
        server.prepare()
        yield server


@contextmanager
def pair(
    settings: DatabaseSettings | None = None, binaries: Binaries | None = None
) -> Iterator[tuple[Server, Server]]:
    """A prepared leader, and a follower that has its slot, but no data and no process yet."""
    with running(settings, binaries) as leader:
        root = Path(tempfile.mkdtemp(prefix="tfpg-", dir="/tmp"))
        follower = make_follower(leader, root)
        with _gone_at_the_end(follower):
            leader.reload()
            with leader.connect("superuser", database="postgres") as superuser:
                replication.ensure_slot(superuser, slot_name(follower.settings))
            yield leader, follower


@contextmanager
def paused(server: Server) -> Iterator[None]:
    """A virtual machine that is stopped and goes on: everything of it at once."""
    pids = server.processes()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def installations() -> list[Binaries]:
    """Every supported installation of this machine, one per major version; the wheel's first."""
    found: dict[int, Binaries] = {}
    for binaries in every():
        found.setdefault(binaries.major, binaries)
    return [b for b in found.values() if b.major >= OLDEST_MAJOR]
