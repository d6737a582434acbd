"""An app host as at stage 1k: agent, edge, app, database endpoint, keeper; and two servers to lose.

::

    with site(kind) as made:
        with made.load(rate=30) as load:
            made.kill_leader()
            made.promote()
        assert load.failed_later(made) == []

The servers run beside the host, without an agent: who leads is for Patroni to say, and here for the
test. The follower is synchronous, so that whatever was acknowledged is there after a failover.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.databases import PACKAGES, Driver
from tests.support.hosts import SOURCE, Hosts, until
from tests.support.postgres import ADDRESS, Server, pair, wait_for
from tests.support.venvs import environment

from tenfold.engines.database_endpoint import DatabaseEndpoint
from tenfold.engines.failover import Failover
from tenfold.engines.gunicorn.render import Gunicorn
from tenfold.engines.nginx import Nginx, find
from tenfold.engines.protocol import Engine, Place, ReleasePlace, Scene
from tenfold.engines.uvicorn.render import Uvicorn
from tenfold.runtime import package
from tenfold.targets.local import LocalAgent
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.process import File, Listen, UnitOrder
from tenfold.topology.settings import AppSettings, EdgeSettings, EndpointSettings, FailoverSettings
from tenfold.wiring.document import Database, Document

APPS = Path(__file__).resolve().parents[1] / "apps" / "databases"
HOST = "app1"
LEADER, FOLLOWER = "vm1/postgres", "db1/postgres"


@dataclass
class Site:
    """The host, and the servers."""

    hosts: Hosts
    agent: LocalAgent
    leader: Server
    follower: Server
    kind: Driver
    settings: FailoverSettings
    workers: int = 1
    endpoints: dict[str, str] = field(default_factory=dict)
    fault: float = 0.0
    led: float = 0.0

    # The host

    def start(self) -> None:
        """Sockets and units, until the app accepts."""
        self.endpoints |= self.agent.listen(
            [Listen(name, self.agent.address, 0) for name in ("database", "app", "public")]
        )
        self._copy_runtime()
        build = find().build
        self._run(DatabaseEndpoint(build), "database", background=True)
        self._run(Failover(build), "failover")
        app = Gunicorn() if self.kind.settings["server"] == "gunicorn" else Uvicorn()
        for index in range(self.workers):
            self._run(app, "app", index, pool="app", generation=1)
        self.agent.handover("app", 1)
        self._run(Nginx(build), "edge")

    def state(self, name: str) -> str:
        """A unit's state, as its agent sees it."""
        found = self.agent.observe().unit(name)
        return "" if found is None else str(found.state)

    def pid(self, name: str) -> int:
        found = self.agent.observe().unit(name)
        assert found is not None
        assert found.pid is not None
        return found.pid

    @property
    def held(self) -> bool:
        return bool(self.agent.observe().held)

    def said(self, unit: str) -> str:
        """A unit's log."""
        return (self.hosts.root(HOST) / "logs" / f"{unit}.log").read_text()

    def lead_endpoint_to_the_first(self) -> None:
        """As somebody does who renders its file and does not know who leads."""
        scene = self._scene("database", "database")
        member = scene.topology.member(f"{HOST}/database")
        self.agent.write(DatabaseEndpoint(find().build).render(member, scene))
        self.agent.reload("database")

    # The servers

    def kill_leader(self) -> None:
        """kill -9 of the leader and all of it."""
        self.fault = time.monotonic()
        self.leader.kill()
        wait_for(lambda: not self.leader.processes(), within=30, subject="the leader to be gone")

    def promote(self) -> None:
        """The follower leads, and waits for nobody when it commits."""
        with self.follower.connect("superuser", database="postgres") as session:
            session.execute("SELECT pg_promote()")
        self.led = time.monotonic()

    def written(self) -> list[str]:
        """What is in the database of whoever leads now."""
        with self.follower.connect("app") as session:
            return [str(name) for (name,) in session.execute("SELECT name FROM work")]

    # Load

    @contextmanager
    def load(self, rate: float) -> Iterator[Load]:
        """Open-loop requests at the edge, each on a connection of its own and none repeated."""
        load = Load(self.endpoints["public"], rate)
        thread = threading.Thread(target=lambda: asyncio.run(load.run()))
        thread.start()
        try:
            until(lambda: len(load.succeeded) >= rate, "pools to be full")
            yield load
        finally:
            load.stop.set()
            thread.join(120)

    # How

    def _run(self, engine: Engine, name: str, index: int = 0, **more: Any) -> None:
        member = self._scene("").topology.member(f"{HOST}/{name}")
        instance = name if isinstance(member, Unit) else f"{name}.1.{index}"
        scene = self._scene(name, instance)
        self.agent.write(engine.render(member, scene))
        self.agent.start(UnitOrder(instance, engine.name, engine.launch(member, scene), **more))

    def _scene(self, name: str, instance: str = "") -> Scene:
        paths, host = self.agent.paths, self.agent.address
        place = Place(
            f"{paths.root}/config/{name}", f"{paths.root}/data/{name}", paths.run, paths.logs,
            f"{paths.root}/assets", host, {"nginx": find().path, "python": sys.executable},
            ReleasePlace(
                "r1", str(APPS), str(environment("databases", PACKAGES) / "bin/python"),
                f"{paths.root}/config/runtime",
            ),
        )  # fmt: skip
        login = self.leader.login("app")
        endpoint = self.endpoints.get("database", f"{host}:0")
        endpoints = {
            f"{HOST}/database": endpoint,
            f"{HOST}/app": self.endpoints.get("app", f"{host}:0"),
            f"{HOST}/edge": self.endpoints.get("public", f"{host}:0"),
            LEADER: f"{ADDRESS}:{login.port}",
            FOLLOWER: f"{ADDRESS}:{self.follower.login('app').port}",
        }
        main = Database(host, int(endpoint.rpartition(":")[2]), login.database, login.user)
        wiring = Document("shop", "1k", endpoints=endpoints, databases={"main": main})
        return Scene(
            Host(HOST, cores=2), self._topology(), wiring, place, self.leader.scene.secrets,
            instance=instance, variables={"DRIVER": self.kind.name}, leaders={"main": LEADER},
        )  # fmt: skip

    def _topology(self) -> Topology:
        told = {k: v for k, v in self.kind.settings.items() if k in ("threads", "workers")}
        app = AppSettings(
            self.kind.settings["entry"],
            self.kind.settings.get("interface", "wsgi"),
            self.kind.settings["server"],
            health_below=600,
            **told,
        )
        return Topology(
            "shop",
            "1k",
            hosts=(Host(HOST, cores=2), Host("vm1"), Host("db1")),
            units=(
                Unit("database", "database_endpoint", HOST, EndpointSettings()),
                Unit("failover", "failover", HOST, self.settings),
                Unit("edge", "nginx", HOST, EdgeSettings()),
                Unit("postgres", "postgresql", "vm1", self.leader.settings),
                Unit("postgres", "postgresql", "db1", self.follower.settings),
            ),
            pools=(Pool("app", app.server, HOST, app),),
        )

    def _copy_runtime(self) -> None:
        root = f"{self.agent.paths.root}/config/runtime"
        self.agent.write(
            [File(f"{root}/{name}", path.read_text()) for name, path in package.files().items()]
        )


@dataclass
class Sent:
    """One request; ``status`` 0 is one without an answer."""

    name: str
    sent: float
    status: int | None = None
    said: str = ""
    done: float = 0.0


class Load:
    """Sends so many requests a second, whatever becomes of those before."""

    def __init__(self, endpoint: str, rate: float) -> None:
        self.address, _, port = endpoint.rpartition(":")
        self.port = int(port)
        self.rate = rate
        self.requests: list[Sent] = []
        self.stop = threading.Event()
        self._names = (f"n{number}" for number in itertools.count())

    @property
    def succeeded(self) -> list[Sent]:
        return [r for r in list(self.requests) if r.status == 200]

    @property
    def failed(self) -> list[Sent]:
        return [r for r in list(self.requests) if r.status not in (None, 200)]

    def failed_but(self, fault: float, within: float) -> list[Sent]:
        """Those that failed and were not in hand at the fault, nor came before it was seen."""
        return [r for r in self.failed if not (r.sent <= fault + within)]

    def succeeded_since(self, moment: float) -> int:
        return sum(r.sent > moment for r in self.succeeded)

    def longest(self) -> float:
        return max(r.done - r.sent for r in self.succeeded)

    async def run(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self.stop.is_set():
            for _ in range(6 if len(self.requests) % 20 == 0 else 1):  # pools must be needed
                tasks.add(
                    asyncio.create_task(self._send(Sent(next(self._names), time.monotonic())))
                )
            due += 1 / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.wait(tasks, timeout=90)

    async def _send(self, request: Sent) -> None:
        self.requests.append(request)
        try:
            reader, writer = await asyncio.open_connection(self.address, self.port)
            head = f"GET /{request.name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.read()
            writer.close()
            request.said = answer.decode(errors="replace")
            status = int(answer.split()[1]) if answer else 0
        except OSError as fault:
            request.said, status = str(fault), 0
        request.done, request.status = time.monotonic(), status


def _wait_for_the_follower(leader: Server) -> None:
    """From now on the leader acknowledges nothing that its follower does not have."""
    with (Path(leader.scene.place.config) / "postgresql.conf").open("a") as file:
        file.write("synchronous_standby_names = '*'\n")
    assert leader.process is not None
    leader.process.send_signal(signal.SIGHUP)
    with leader.connect("superuser", database="postgres") as session:
        told = "SELECT sync_state FROM pg_stat_replication"
        wait_for(
            lambda: session.execute(told).fetchone() == ("sync",),
            within=30,
            subject="the follower to be synchronous",
        )


@contextmanager
def site(
    kind: Driver, settings: FailoverSettings | None = None, workers: int = 1
) -> Iterator[Site]:
    """All of it; at the end nothing is left."""
    with pair() as (leader, follower):
        follower.start()
        with leader.connect("app") as app:
            app.execute("CREATE TABLE work (name text PRIMARY KEY)")
        _wait_for_the_follower(leader)
        hosts = Hosts({"PYTHONPATH": str(SOURCE)})
        try:
            settings = settings or FailoverSettings()
            made = Site(hosts, hosts.up(HOST), leader, follower, kind, settings, workers)
            made.start()
            yield made
        finally:
            hosts.close()
