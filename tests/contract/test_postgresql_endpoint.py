"""A database behind its endpoint: it is PostgreSQL itself, wherever that is at the moment."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from tests.support.edge import as_nobody, builds, nobodys_folder
from tests.support.ports import free_port
from tests.support.postgres import ADDRESS, Server, running, wait_for

from tenfold.engines.database_endpoint import DatabaseEndpoint, require_stream
from tenfold.engines.nginx import Found
from tenfold.engines.postgresql.login import Connection, connect
from tenfold.engines.protocol import Place, Scene
from tenfold.errors import Refused, TenfoldError
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import DatabaseSettings, EndpointSettings
from tenfold.wiring.document import Document

pytestmark = pytest.mark.engine

UNIT = Unit("database", "database_endpoint", "vm1", EndpointSettings())
SERVERS = (
    Unit("postgres", "postgresql", "vm1", DatabaseSettings("shop", node=1)),
    Unit("postgres", "postgresql", "db1", DatabaseSettings("shop", node=2)),
)


@dataclass
class Endpoint:
    """One endpoint on a socket that this process owns, as an agent would."""

    found: Found
    folder: Path
    listener: socket.socket
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def scene(self, leader: str) -> Scene:
        place = Place(
            str(self.folder), f"{self.folder}/data/endpoint", "/tmp", "/tmp", "/tmp", ADDRESS,
            {"nginx": self.found.path},
        )  # fmt: skip
        endpoints = {path: f"{ADDRESS}:{port}" for path, port in self.ports.items()}
        endpoints[UNIT.path] = f"{ADDRESS}:{self.port}"
        hosts = (Host("vm1", cores=2), Host("db1"))
        topology = Topology("shop", "100", hosts, (UNIT, *SERVERS))
        document = Document("shop", "100", endpoints=endpoints)
        return Scene(hosts[0], topology, document, place, leaders={"main": leader})

    def write(self, leader: str) -> None:
        for file in DatabaseEndpoint(self.found.build).render(UNIT, self.scene(leader)):
            Path(file.path).write_text(str(file.text))

    def start(self, leader: str) -> None:
        self.write(leader)
        launch = DatabaseEndpoint(self.found.build).launch(UNIT, self.scene(leader))
        for command in launch.prepare:
            if command.creates is None or not Path(command.creates).exists():
                subprocess.run(command.argv, check=True, **as_nobody())
        fd = self.listener.fileno()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                launch.argv,
                env={name: value.format_map(_Fds(fd)) for name, value in launch.env.items()},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[fd], start_new_session=True, cwd="/", **as_nobody(),
            )  # fmt: skip
        wait_for(
            lambda: subprocess.run(launch.ready.argv, check=False).returncode == 0,
            within=10,
            subject="the endpoint",
        )

    def point_to(self, leader: str) -> None:
        assert self.process is not None
        self.write(leader)
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


class _Fds(dict[str, str]):
    """``{fd:database}`` in the words of :meth:`str.format_map`."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd=_Fd(fd))  # type: ignore[arg-type]


class _Fd(int):
    def __format__(self, name: str) -> str:
        assert name == "database"
        return str(int(self))


@contextmanager
def endpoint(found: Found, ports: dict[str, int], leader: str) -> Iterator[Endpoint]:
    with nobodys_folder("tenfold-endpoint-") as folder, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, 0))
        listener.listen(128)
        listener.setblocking(False)
        made = Endpoint(found, folder, listener, ports)
        try:
            made.start(leader)
            yield made
        finally:
            if made.process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(made.process.pid, signal.SIGKILL)
                made.process.wait(10)


@pytest.fixture(params=builds())
def found(request: pytest.FixtureRequest) -> Found:
    build: Found = request.param
    try:
        require_stream(build)
    except Refused as refusal:
        pytest.skip(refusal.what)
    return build


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    """Two servers that answer who they are; for an endpoint it does not matter who follows whom."""
    with running() as one, running() as two:
        two.scene = replace(
            two.scene,
            secrets={**one.scene.secrets, "main.superuser": two.scene.secrets["main.superuser"]},
        )
        two.write()
        two.prepare()
        named = {"vm1/postgres": one, "db1/postgres": two}
        for path, server in named.items():
            with server.connect("app") as app:
                app.execute("CREATE TABLE who (name text)")
                app.execute("INSERT INTO who VALUES (%s)", [path])
        yield named


@pytest.fixture
def relay(found: Found, servers: dict[str, Server]) -> Iterator[Endpoint]:
    ports = {path: server.login("app").port for path, server in servers.items()}
    with endpoint(found, ports, "vm1/postgres") as made:
        yield made


@contextmanager
def session(relay: Endpoint, servers: dict[str, Server]) -> Iterator[Connection]:
    login = replace(servers["vm1/postgres"].login("app"), host=ADDRESS, port=relay.port)
    with connect(login) as connection:
        yield connection


def who(connection: Connection) -> str:
    row = connection.execute("SELECT name FROM who").fetchone()
    assert row is not None
    return str(row[0])


def test_sessions_are_postgresqls_own(relay: Endpoint, servers: dict[str, Server]) -> None:
    """What a pooler takes away from an app that does not know of it."""
    with session(relay, servers) as one, session(relay, servers) as other:
        one.execute("SET work_mem = '9MB'")
        assert one.execute("SHOW work_mem").fetchone() == ("9MB",)
        assert other.execute("SHOW work_mem").fetchone() != ("9MB",)
        for number in range(3):
            query = "SELECT %s::int"
            assert one.execute(query, [number], prepare=True).fetchone() == (number,)
        one.execute("SELECT pg_advisory_lock(7)")
        assert other.execute("SELECT pg_try_advisory_lock(7)").fetchone() == (False,)
        one.execute("LISTEN news")
        other.execute("NOTIFY news, 'hello'")
        assert [n.payload for n in one.notifies(timeout=10, stop_after=1)] == ["hello"]
        one.execute("CREATE TEMPORARY TABLE mine AS SELECT 1")
        assert one.execute("SELECT count(*) FROM mine").fetchone() == (1,)
        with one.cursor() as cursor, cursor.copy("COPY mine FROM STDIN") as copy:
            copy.write("2\n" * 100_000)
        assert one.execute("SELECT count(*) FROM mine").fetchone() == (100_001,)


def test_pointed_elsewhere_old_sessions_stay_and_new_ones_are_there(
    relay: Endpoint, servers: dict[str, Server]
) -> None:
    with session(relay, servers) as old:
        assert who(old) == "vm1/postgres"
        relay.point_to("db1/postgres")

        def arrived() -> bool:
            with session(relay, servers) as new:
                return who(new) == "db1/postgres"

        wait_for(arrived, within=10, subject="the new server")
        assert who(old) == "vm1/postgres"


def test_no_connection_is_refused_while_it_is_pointed_to_and_fro(
    relay: Endpoint, servers: dict[str, Server]
) -> None:
    for path in ("db1/postgres", "vm1/postgres") * 3:
        relay.point_to(path)
        for _ in range(10):
            with session(relay, servers) as connection:
                assert who(connection) in servers


def test_sessions_that_its_end_breaks_are_made_anew_without_a_refusal(
    relay: Endpoint, servers: dict[str, Server]
) -> None:
    """The socket stays, so a connection waits instead of being refused."""
    with session(relay, servers) as broken:
        relay.kill()
        with pytest.raises(psycopg.OperationalError):
            broken.execute("SELECT 1")
    with socket.create_connection((ADDRESS, relay.port)) as waiting:
        relay.start("vm1/postgres")
        # SSLRequest; a server without TLS says N.
        waiting.settimeout(10)
        waiting.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
        assert waiting.recv(1) == b"N"


def test_a_server_that_is_not_there_closes_the_connection_at_once(
    found: Found, servers: dict[str, Server]
) -> None:
    ports = {"vm1/postgres": free_port(), "db1/postgres": free_port()}
    with endpoint(found, ports, "vm1/postgres") as relay:
        began = time.monotonic()
        with pytest.raises(TenfoldError), session(relay, servers):
            pass
        assert time.monotonic() - began < 2


def test_both_ends_are_watched_for_peers_that_vanished(
    relay: Endpoint, servers: dict[str, Server]
) -> None:
    server = servers["vm1/postgres"].login("app").port

    def watched() -> bool:
        """While something is on its way, the timer is another one."""
        told = subprocess.run(
            ["ss", "--no-header", "--tcp", "--numeric", "--options", "state", "established"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        # Receive queue, send queue, own address, peer, options.
        ends = [line.split(maxsplit=4) for line in told.splitlines()]
        client = [end for end in ends if end[2] == f"{ADDRESS}:{relay.port}"]
        target = [end for end in ends if end[3] == f"{ADDRESS}:{server}"]
        assert (len(client), len(target)) == (1, 1)
        return all("timer:(keepalive" in end[-1] for end in client + target)

    with session(relay, servers):
        wait_for(watched, within=10, subject="keepalive timers")
