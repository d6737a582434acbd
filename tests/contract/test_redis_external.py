"""Somebody's own Redis, asked as ``plan`` asks it: a real server, and what is none."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.hosts import Hosts
from tests.support.ports import free_port
from tests.support.postgres import ADDRESS, wait_for
from tests.support.redis import PASSWORD, scene, servers

from tenfold.engines.redis import Found, Redis
from tenfold.engines.redis.external import look, parse
from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.topology.process import UnitOrder
from tenfold.topology.settings import RedisSettings

pytestmark = pytest.mark.engine
HIGHEST = 55_000
"""A cluster also listens ten thousand ports above."""


@pytest.fixture(params=servers(), ids=str)
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """``host:port`` of a server with a password."""
    found: Found = request.param
    hosts = Hosts()
    try:
        agent = hosts.up()
        place = f"{agent.paths.address}:6379"
        settings = RedisSettings(policy="allkeys-lru", persistence="none")
        unit, seen = scene(settings, agent.paths.root, endpoint=place, program=found.path)
        agent.write(Redis().render(unit, seen))
        agent.start(UnitOrder("redis", "redis", Redis().launch(unit, seen)))
        yield place
    finally:
        hosts.close()


def test_it_says_what_it_is(address: str) -> None:
    facts = look(parse(Secret(f"redis://:{quote(PASSWORD)}@{address}/0")))

    assert facts.version.split()[0] in ("Redis", "Valkey")
    assert facts.version.split()[1][0].isdigit()
    assert facts.policy == "allkeys-lru"
    assert 0 < facts.used_bytes < facts.max_bytes == RedisSettings().max_memory_bytes
    assert (facts.logs, facts.private) == (False, True)
    assert facts.saves is None, "an app's user may not ask for the configuration"
    assert not facts.follows
    assert not facts.clustered


@contextmanager
def plain(program: str, folder: Path, *options: str) -> Iterator[int]:
    """A server as somebody would start it by hand, without a password; gives its port."""
    port = next(p for p in iter(free_port, 0) if p < HIGHEST)
    log = folder / f"{port}.log"
    argv = [program, "--port", str(port), "--bind", ADDRESS, "--dir", str(folder), *options]
    with log.open("wb") as output, subprocess.Popen(argv, stdout=output, stderr=output) as process:
        try:
            wait_for(lambda: answers(process, port, log), within=20, subject=f"{program} to answer")
            yield port
        finally:
            process.terminate()
            process.wait(30)


def answers(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        look(parse(Secret(f"redis://{ADDRESS}:{port}")))
    except Refused:
        return False
    return True


@pytest.mark.parametrize("server", servers(), ids=str)
def test_how_it_keeps_what_it_has_and_whom_it_follows(server: Found, tmp_path: Path) -> None:
    logging = ("--appendonly", "yes", "--save", "")
    saving = ("--appendonly", "no", "--save", "3600", "1")
    with (
        plain(server.path, tmp_path, *logging) as leader,
        plain(server.path, tmp_path, *saving, "--replicaof", ADDRESS, str(leader)) as replica,
    ):
        first = look(parse(Secret(f"redis://{ADDRESS}:{leader}")))
        second = look(parse(Secret(f"redis://{ADDRESS}:{replica}")))
    assert (first.logs, first.saves, first.follows, first.max_bytes) == (True, "", False, 0)
    assert (second.logs, second.saves, second.follows) == (False, "3600 1", True)


@pytest.mark.parametrize("server", servers(), ids=str)
def test_a_cluster(server: Found, tmp_path: Path) -> None:
    with plain(server.path, tmp_path, "--cluster-enabled", "yes") as port:
        assert look(parse(Secret(f"redis://{ADDRESS}:{port}"))).clustered


@pytest.mark.parametrize("who", ["", ":a-wrong-password@", "nobody:a-wrong-password@"])
def test_whoever_is_not_let_in_is_told_so(address: str, who: str) -> None:
    with pytest.raises(Refused, match="does not let") as refused:
        look(parse(Secret(f"redis://{who}{address}")))

    assert "a-wrong-password" not in f"{refused.value.what} {refused.value.detail}"


def test_where_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for url in (f"redis://127.0.0.1:{port}", f"unix://{tmp_path}/none.sock"):
            with pytest.raises(Refused, match="does not answer"):
                look(parse(Secret(url)))


def test_what_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(Refused, match="does not answer") as refused:
            look(parse(Secret(f"redis://127.0.0.1:{port}")))
        thread.join(10)
        assert "400 Bad Request" in (refused.value.detail or "")
