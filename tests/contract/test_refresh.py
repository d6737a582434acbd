"""An app's kept connections break, it is told to refresh them, and no later request fails.

Every family of drivers, through the pool that people use it with. The server is killed and started
again, which for a pool is what a failover is: all that it keeps is broken, and it does not know.
"""

from __future__ import annotations

import http.client
import itertools
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.app_process import AppProcess, Runtime, listening
from tests.support.databases import KINDS, PACKAGES, Driver
from tests.support.postgres import ADDRESS, Server, running, wait_for
from tests.support.venvs import environment

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.few(6)]

APPS = Path(__file__).resolve().parents[1] / "apps" / "databases"
SOURCE = Path(__file__).resolve().parents[2] / "src"
AT_ONCE = 6
NAMES = (f"name-{number}" for number in itertools.count())
LEFT_ALONE = [kind for kind in KINDS if kind.breaks]
KNOWN = [kind for kind in KINDS if kind.known]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as made:
        with made.connect("app") as app:
            app.execute("CREATE TABLE work (name text PRIMARY KEY)")
        yield made


@pytest.fixture
def start(server: Server) -> Iterator[Callable[[Driver], App]]:
    runtime = Runtime()
    with listening() as owned:
        yield lambda kind: App(runtime, owned, kind, server)
        runtime.close()


class App:
    """One app, and requests that come at once."""

    def __init__(
        self, runtime: Runtime, owned: socket.socket, kind: Driver, server: Server
    ) -> None:
        login = server.login("app")
        self.database_port = login.port
        self.owned = owned
        password = login.password.reveal()
        url = f"postgresql://{login.user}:{password}@{ADDRESS}:{login.port}/{login.database}"
        self.process: AppProcess = runtime.start(
            environment("databases", PACKAGES) / "bin/python",
            self.owned,
            cwd=APPS,
            env={"DATABASE_URL": url, "DRIVER": kind.name},
            **kind.settings,
        )

    def write(self, _: int = 0) -> tuple[int, str]:
        name = next(NAMES)
        connection = http.client.HTTPConnection(ADDRESS, self.owned.getsockname()[1], timeout=60)
        connection.request("GET", f"/{name}", headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def write_at_once(self) -> list[str]:
        """What the failed ones of many writes said, twice as many as connections are kept."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(self.write, range(2 * AT_ONCE)))
        return [said for status, said in answers if status != 200]

    def survive(self, server: Server, *, refreshes: bool) -> dict[str, Any]:
        """Fill pools, and go through what a failover is for them; gives the answer to refresh."""
        self.process.accept()
        assert self.write_at_once() == []
        assert self.process.order(control.HOLD) == {"ok": True}
        wait_for(self._is_drained, within=30, subject="the app to have nothing in hand")
        server.kill()
        wait_for(lambda: not server.processes(), within=30, subject="PostgreSQL to be gone")
        server.start()
        answer = self.process.order(control.REFRESH, port=self.database_port) if refreshes else {}
        assert self.process.order(control.ACCEPT) == {"ok": True}
        return answer

    def _is_drained(self) -> bool:
        status = self.process.order(control.STATUS)
        return not (status["connections"] or status["active"] or status["tasks"])


Start = Callable[[Driver], App]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", KNOWN, ids=str)
def test_no_request_fails_after_a_refresh(kind: Driver, start: Start, server: Server) -> None:
    app = start(kind)
    answer = app.survive(server, refreshes=True)
    assert app.write_at_once() == []
    assert answer["ok"]
    assert answer["unknown"] == 0
    assert answer["faults"] == []
    if kind.library is not None:
        assert list(answer["refreshed"]) == [kind.library] * bool(kind.library)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", LEFT_ALONE, ids=str)
def test_without_one_requests_fail_that_came_later(
    kind: Driver, start: Start, server: Server
) -> None:
    """What the refresh is for; also, that the test above could fail."""
    app = start(kind)
    app.survive(server, refreshes=False)
    assert app.write_at_once() != []


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.known], ids=str)
def test_broken_connections_of_no_known_pool_are_told(
    kind: Driver, start: Start, server: Server
) -> None:
    app = start(kind)
    answer = app.survive(server, refreshes=True)
    assert answer["ok"]
    assert answer["refreshed"] == {}
    assert answer["unknown"] > 0


OTHERS = """
import os, sqlite3
import django, psycopg2.pool, sqlalchemy as sa
from django.conf import settings
from psycopg_pool import ConnectionPool
from sqlalchemy.pool import StaticPool
from tenfold.runtime import refreshing

url, other = os.environ["DATABASE_URL"], int(os.environ["PORT"]) + 1
memory = [
    sa.create_engine("sqlite://"),
    sa.create_engine("sqlite://", poolclass=StaticPool),
]
for engine in memory:
    with engine.begin() as c:
        c.execute(sa.text("create table t (x int)"))
        c.execute(sa.text("insert into t values (1)"))
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x.db"}})
django.setup()
from django.db import connection
connection.ensure_connection()
kept = psycopg2.pool.ThreadedConnectionPool(2, 2, url)
server = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
with server.connect():
    pass

# As if the endpoint were elsewhere: all of these lead to other databases.
with ConnectionPool(url, min_size=1) as pool:
    pool.wait()
    answer = refreshing.in_thread({"port": other})
assert answer["refreshed"] == {}, answer
assert connection.close_at is None or connection.close_at > 0
assert len(kept._pool) == 2

answer = refreshing.in_thread({"port": int(os.environ["PORT"])})
assert answer["refreshed"] == {"sqlalchemy": 1, "psycopg2": 1}, answer
for engine in memory:
    with engine.connect() as c:
        assert c.execute(sa.text("select count(*) from t")).scalar() == 1
"""


def test_what_leads_to_other_databases_is_left_alone(server: Server, tmp_path: Path) -> None:
    """SQLite in memory above all: given up, its data are gone."""
    login = server.login("app")
    password = login.password.reveal()
    url = f"postgresql://{login.user}:{password}@{ADDRESS}:{login.port}/{login.database}"
    python = environment("databases", PACKAGES) / "bin/python"
    done = subprocess.run(
        [python, "-c", OTHERS],
        env={"PYTHONPATH": str(SOURCE), "DATABASE_URL": url, "PORT": str(login.port)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


IN_USE = """
import os
from psycopg_pool import ConnectionPool
from tenfold.runtime import refreshing

def used_while_refreshed(pool, port):
    with pool.connection() as used:
        answer = refreshing.in_thread({"port": port})
        before = used.info.backend_pid
    with pool.connection() as now:
        return answer, now.info.backend_pid == before

with ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=1) as pool:
    port = int(os.environ["PORT"])
    answer, is_the_same = used_while_refreshed(pool, port)
    assert answer["refreshed"] == {"psycopg_pool": 1}, answer
    assert not is_the_same
    _, is_the_same = used_while_refreshed(pool, port + 1)  # as if it led to another database
    assert is_the_same
"""


def test_connections_in_use_are_replaced_when_they_come_back(server: Server) -> None:
    login = server.login("app")
    url = f"postgresql://{login.user}:{login.password.reveal()}@{ADDRESS}:{login.port}"
    done = subprocess.run(
        [environment("databases", PACKAGES) / "bin/python", "-c", IN_USE],
        env={
            "DATABASE_URL": f"{url}/{login.database}",
            "PORT": str(login.port),
            "PYTHONPATH": str(SOURCE),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
