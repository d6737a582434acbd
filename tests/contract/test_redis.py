"""The Redis-compatible server as the agent runs it: what it lets in, what it keeps, its crashes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from tests.support.hosts import Hosts, until
from tests.support.redis import PASSWORD, scene, servers

from tenfold.engines.redis import Found, Redis
from tenfold.topology.process import UnitOrder
from tenfold.topology.settings import RedisSettings

pytestmark = pytest.mark.engine
SERVERS = servers()


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=SERVERS, ids=str)
def server(request: pytest.FixtureRequest) -> Found:
    found: Found = request.param
    return found


class Running:
    """One server on a host of its own."""

    def __init__(self, hosts: Hosts, server: Found, **settings: object) -> None:
        self.agent = hosts.up()
        paths = self.agent.paths
        unit, seen = scene(
            RedisSettings(**settings),  # type: ignore[arg-type]
            paths.root,
            endpoint=f"{paths.address}:6379",
            program=server.path,
        )
        self.agent.write(Redis().render(unit, seen))
        self.order = UnitOrder("redis", "redis", Redis().launch(unit, seen))
        self.log = Path(paths.logs, "redis.log")
        self.address = paths.address
        self.agent.start(self.order)

    def pid(self) -> int:
        seen = self.agent.observe().unit("redis")
        assert seen is not None
        assert seen.pid is not None
        return seen.pid

    def client(self, password: str | None = PASSWORD) -> redis.Redis:
        return redis.Redis(self.address, 6379, password=password, decode_responses=True)

    def kill(self) -> None:
        before = self.pid()
        os.kill(before, signal.SIGKILL)
        until(lambda: self._again(before), "redis to be back")

    def restart(self) -> None:
        self.agent.stop("redis")
        self.agent.start(self.order)

    def _again(self, before: int) -> bool:
        seen = self.agent.observe().unit("redis")
        return bool(seen and seen.pid not in (None, before) and seen.restarts == 1) and self.ready()

    def ready(self) -> bool:
        seen = self.agent.observe().unit("redis")
        return seen is not None and seen.state in ("running", "backoff") and seen.pid is not None


def test_there_is_a_server_to_test() -> None:
    assert SERVERS


def test_it_lets_in_the_app_alone_and_only_where_it_has_business(
    hosts: Hosts, server: Found
) -> None:
    running = Running(hosts, server)
    app = running.client()
    app.lpush("jobs", "1")
    assert app.eval("return redis.call('llen', KEYS[1])", 1, "jobs") == 1
    app.client_setname("worker")
    assert [c["name"] for c in app.client_list()] == ["worker"]
    for words in (("CONFIG", "GET", "*"), ("SHUTDOWN",), ("ACL", "LIST"), ("MONITOR",),
                  ("REPLICAOF", "127.0.0.1", "1"), ("MODULE", "LIST"), ("BGSAVE",)):  # fmt: skip
        with pytest.raises(redis.exceptions.NoPermissionError):
            app.execute_command(*words)
    with pytest.raises(redis.exceptions.AuthenticationError):
        running.client(None).get("jobs")
    with pytest.raises(redis.exceptions.AuthenticationError):
        running.client("wrong").get("jobs")
    prober = redis.Redis(running.address, 6379, username="probe", password="-")
    assert prober.ping()
    with pytest.raises(redis.exceptions.NoPermissionError):
        prober.get("jobs")


def test_the_password_is_nowhere_that_another_user_can_read(hosts: Hosts, server: Found) -> None:
    running = Running(hosts, server)
    process = psutil.Process(running.pid())
    assert PASSWORD not in " ".join(process.cmdline())
    assert PASSWORD not in running.log.read_text()
    for folder, _, names in os.walk(running.agent.paths.root):
        for name in names:
            file = Path(folder, name)
            if file.is_file() and file.stat().st_mode & 0o044:
                assert PASSWORD.encode() not in file.read_bytes(), file


def test_it_listens_on_the_hosts_address_alone(hosts: Hosts, server: Found) -> None:
    running = Running(hosts, server)
    listening = [
        c.laddr.ip for c in psutil.Process(running.pid()).net_connections() if c.status == "LISTEN"
    ]
    assert listening == [running.address]


def test_killed_it_comes_back_by_itself_with_every_write_that_it_acknowledged(
    hosts: Hosts, server: Found
) -> None:
    running = Running(hosts, server)
    with running.client() as app:
        for number in range(500):
            app.rpush("jobs", number)
    running.kill()
    with running.client() as app:
        assert app.lrange("jobs", 0, -1) == [str(n) for n in range(500)]


@pytest.mark.parametrize(("persistence", "kept"), [("aof", 1), ("snapshot", 1), ("none", 0)])
def test_stopped_in_order_it_keeps_what_was_asked_for(
    hosts: Hosts, server: Found, persistence: str, kept: int
) -> None:
    running = Running(hosts, server, persistence=persistence)
    with running.client() as app:
        app.rpush("jobs", "1")
    running.restart()
    with running.client() as app:
        assert app.llen("jobs") == kept


def test_full_it_refuses_writes_and_drops_no_job(hosts: Hosts, server: Found) -> None:
    running = Running(hosts, server, max_memory_bytes=4_000_000)
    pushed = 0
    with running.client() as app:
        try:
            while pushed < 10_000:
                app.rpush("jobs", "x" * 10_000)
                pushed += 1
        except redis.exceptions.OutOfMemoryError:
            assert app.llen("jobs") == pushed > 0
    assert 0 < pushed < 1000


def test_a_cache_drops_keys_instead(hosts: Hosts, server: Found) -> None:
    running = Running(hosts, server, max_memory_bytes=4_000_000, policy="allkeys-lru")
    with running.client() as app:
        for number in range(1000):
            app.set(f"page:{number}", "x" * 10_000)
        assert 0 < app.dbsize() < 1000
