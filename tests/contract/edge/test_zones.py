"""The app in two zones behind one edge: its own first, the other where that cannot be reached.

Nothing is reloaded, nothing is sent twice, and a zone in front of which requests are held is no
reason to go elsewhere.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from tests.contract.edge.conftest import Edge
from tests.support import zone_app

from tenfold.engines.nginx import Found
from tenfold.topology.settings import EdgeSettings

AVOIDED_SECONDS = 5.0
RATE = 60.0


@dataclass
class Zone:
    """The app of one zone: a socket that may outlive its process, and what it was asked."""

    name: str
    log: Path
    port: int = 0
    listener: socket.socket | None = None
    process: subprocess.Popen[bytes] | None = None

    def listen(self) -> None:
        """Have connections wait: what an agent does while no worker accepts."""
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = self.listener.getsockname()[1]

    def start(self) -> None:
        if self.listener is None:
            self.listen()
        assert self.listener is not None
        self.process = zone_app.start(self.name, self.listener, self.log)

    def stop_process(self) -> None:
        """Kill the workers; the agent's socket stays, and connections wait in its queue."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def kill(self) -> None:
        """Take the power from the host: nothing listens there any more."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        self.stop_process()

    def asked(self) -> list[str]:
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[tuple[Zone, Zone]]:
    own, other = Zone("own", tmp_path / "own.log"), Zone("other", tmp_path / "other.log")
    for zone in (own, other):
        zone.start()
    yield own, other
    for zone in (own, other):
        zone.kill()


@pytest.fixture
def settings() -> EdgeSettings:
    return EdgeSettings(hold_seconds=3.0, request_seconds=20.0)


@pytest.fixture
def idle_edge(
    place: Path, found: Found, settings: EdgeSettings, zones: tuple[Zone, Zone]
) -> Iterator[Edge]:
    own, other = zones
    made = Edge(place, found, own.port, settings, other_ports=(other.port,))
    yield made
    made.close()


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(edge.url, timeout=aiohttp.ClientTimeout(30)) as session:
        async with asyncio.timeout(20):  # the apps take a moment to start
            while await said(session) != "own":
                await asyncio.sleep(0.05)
        yield session


async def said(client: aiohttp.ClientSession, path: str = "/", **options: object) -> str:
    """Which zone answered, or with what the edge did."""
    method = str(options.pop("method", "GET"))
    async with client.request(method, path, **options) as answer:  # type: ignore[arg-type]
        text = await answer.text()
        return text.split(" ")[0] if answer.status == 200 else str(answer.status)


@dataclass
class Load:
    """Open-loop traffic: reads and writes, each with an id of its own, never sent again."""

    client: aiohttp.ClientSession
    outcomes: dict[str, tuple[float, float, str]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _over: bool = False

    async def run(self) -> None:
        began = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            if self._over:
                break
            self._tasks.add(asyncio.create_task(self._one(number)))
        await asyncio.gather(*self._tasks)

    def stop(self) -> None:
        self._over = True

    async def _one(self, number: int) -> None:
        key, began = f"/{number}", time.monotonic()
        options = {"method": "POST", "data": b"x" * 200} if number % 2 else {}
        try:
            outcome = await said(self.client, key, **options)
        except aiohttp.ClientError as error:
            outcome = type(error).__name__
        self.outcomes[key] = (began, time.monotonic(), outcome)

    def since(self, moment: float) -> list[str]:
        return [o for began, _, o in self.outcomes.values() if began >= moment]


async def test_a_dead_zone_costs_what_is_in_flight_and_comes_back_by_itself(edge, client, zones):
    own, _ = zones
    load = Load(client)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(1.0)
    own.kill()
    killed = time.monotonic()
    await asyncio.sleep(2.0)
    own.start()
    async with asyncio.timeout(3 * AVOIDED_SECONDS):
        while load.since(time.monotonic() - 0.5).count("own") < 10:
            await asyncio.sleep(0.1)
    load.stop()
    await running
    failed = {k: o for k, o in load.outcomes.items() if o[2] not in ("own", "other")}
    assert all(began < killed and ended > killed - 0.1 for began, ended, _ in failed.values())
    assert "other" in load.since(killed)
    assert edge.processes[-1].poll() is None
    asked = Counter(line.split(" ")[1] for zone in zones for line in zone.asked())
    twice = [key for key, count in asked.items() if count > 1 and key != "/"]
    assert twice == []
    acknowledged = [k for k, o in load.outcomes.items() if o[2] in ("own", "other")]
    assert [key for key in acknowledged if asked[key] != 1] == []


async def test_requests_that_are_held_go_nowhere_else(edge, client, zones):
    own, other = zones
    own.stop_process()  # the socket stays, as an agent's does while workers are switched
    before = other.asked()
    waiting = [
        asyncio.create_task(said(client, f"/{n}", method="POST", data=b"x")) for n in range(20)
    ]
    done, _ = await asyncio.wait(waiting, timeout=2.5)  # longer than a try to connect may take
    assert not done
    own.start()
    assert await asyncio.gather(*waiting) == ["own"] * 20
    assert other.asked() == before


async def test_a_zone_that_says_nothing_to_a_connection_is_left_for_the_other(edge, client, zones):
    """A host without power: no packet comes back. Here a queue that takes nobody any more."""
    own, _ = zones
    own.kill()
    full = socket.create_server(("127.0.0.1", own.port), backlog=0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        with suppress(BlockingIOError):
            filler.connect(("127.0.0.1", own.port))
        fillers.append(filler)
    try:
        began = time.monotonic()
        assert await said(client, method="POST", data=b"x") == "other"
        assert 0.5 < time.monotonic() - began < 3.0
        began = time.monotonic()
        assert [await said(client) for _ in range(5)] == ["other"] * 5
        assert time.monotonic() - began < 1.0, "it was known by then"
    finally:
        for filler in (*fillers, full):
            filler.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_what_reached_an_app_is_never_sent_again(edge, client, zones, method):
    own, other = zones
    assert await said(client, "/break-off", method=method, data=b"pay") == "502"
    assert [*own.asked(), *other.asked()].count(f"{method} /break-off") == 1


async def test_a_body_goes_along_to_the_other_zone(edge, client, zones):
    own, _ = zones
    own.kill()
    async with client.post("/upload", data=b"x" * 1_000_000) as answer:
        assert await answer.text() == "other 1000000"


async def test_a_websocket_or_stream_goes_to_the_other_zone_too(edge, client, zones):
    own, _ = zones
    own.kill()
    assert await said(client, headers={"Accept": "text/event-stream"}) == "other"


async def test_without_any_app_there_is_a_calm_502_and_it_ends_by_itself(edge, client, zones):
    _, other = zones
    for zone in zones:
        zone.kill()
    async with client.get("/", headers={"Accept": "text/html"}) as answer:
        assert answer.status == 502
        assert answer.headers["Retry-After"] == "5"
        assert "Back in a moment" in await answer.text()
    other.start()
    async with asyncio.timeout(20):
        while await said(client) != "other":
            await asyncio.sleep(0.05)


async def test_a_zone_that_broke_off_is_asked_again_where_the_other_is_dead(edge, client, zones):
    """One answer that breaks off has the edge go elsewhere first for a while; with nobody there,
    that must not cost a request."""
    _, other = zones
    other.kill()
    assert await said(client, "/break-off") == "502"
    assert [await said(client, method="POST", data=b"x") for _ in range(5)] == ["own"] * 5


async def test_the_log_says_how_long_the_app_took_after_all(edge, client, zones):
    own, _ = zones
    own.kill()
    assert await said(client, "/slow") == "other"
    async with asyncio.timeout(10):
        while not (lines := [x for x in edge.lines() if x["path"] == "/slow"]):
            await asyncio.sleep(0.1)
    assert 0.4 < float(str(lines[0]["app_seconds"])) < 5.0
