"""Load, ledger and comparison on a real app with a real PostgreSQL, faults included."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web
from psycopg.conninfo import make_conninfo
from tests.support.postgres import Server, pair, running, wait_for

from tenfold.errors import LoadError
from tenfold.load import (
    Comparison,
    Ledger,
    LoadReport,
    judge,
    plan_load,
    require_judgeable,
    run_load,
)
from tenfold.load.ids import write_id
from tenfold.load.lookup import NotNow, ids_in_database
from tenfold.load.plan import SqlSource, TableSource
from tenfold.secret import Secret
from tenfold.spec.load import LoadTable

pytestmark = pytest.mark.engine

RUN = "1f3a9c2e"
LEDGER = {"table": "comments", "column": "body"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def dsn(server: Server) -> Iterator[Secret]:
    login = server.login("app")
    dsn = Secret(make_conninfo(login.conninfo(), password=login.password.reveal()))
    with psycopg.connect(dsn.reveal(), autocommit=True) as connection:
        connection.execute("CREATE TABLE comments (id bigserial PRIMARY KEY, body text)")
    yield dsn
    with psycopg.connect(dsn.reveal(), autocommit=True) as connection:
        connection.execute("DROP TABLE comments")


class App:
    """Stores comments, on a connection for each request; every n-th goes wrong in one way."""

    def __init__(self, dsn: Secret) -> None:
        self.dsn = dsn
        self.posts = 0
        self.fault: str | None = None
        self.every = 10
        self.faulty: list[str] = []
        self.arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.posts += 1
        self.arrived.set()
        body = (await request.json())["body"]
        fault = self.fault if self.posts % self.every == 0 else None
        if fault:
            self.faulty.append(body.removeprefix("hello "))
        try:
            await self._store(body, fault)
        except psycopg.OperationalError:
            return web.Response(status=503)
        if fault == "vanishes after the commit":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=500 if fault == "vanishes before the commit" else 201)

    async def _store(self, body: str, fault: str | None) -> None:
        if fault == "vanishes before the commit":
            return
        async with await psycopg.AsyncConnection.connect(self.dsn.reveal()) as connection:
            for _ in range(2 if fault == "stores twice" else 1):
                await connection.execute("INSERT INTO comments (body) VALUES (%s)", [body])
            if fault == "acknowledges before the commit":
                await connection.rollback()


@pytest.fixture
async def app(dsn: Secret) -> App:
    return App(dsn)


@contextlib.asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    site = web.Application()
    site.router.add_post("/c", app.answer)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def load(
    app: App, ledger: Path, *, while_it_runs: Any = None, **table: Any
) -> tuple[LoadReport, Comparison]:
    request = {"method": "POST", "path": "/c", "json": {"body": "hello {id}"}, "ledger": True}
    merged = {"rate": 50, "duration": "1s", "ledger": LEDGER, "requests": [request], **table}
    plan = plan_load(LoadTable.model_validate(merged), run_id=RUN)
    async with served(app) as url:
        with Ledger(ledger, plan.run_id) as writing:
            run = asyncio.create_task(run_load(plan, url, ledger=writing))
            if while_it_runs is not None:
                await while_it_runs()
            report = await run
    return report, await judge(ledger, plan.source, dsn=app.dsn)


async def test_an_honest_app_loses_nothing(app: App, tmp_path: Path) -> None:
    report, comparison = await load(app, tmp_path / "l")
    assert report.ok, report.overall.failures
    assert comparison.holds
    assert comparison.acknowledged == comparison.sent == app.posts > 20
    assert (comparison.unknown, comparison.phantom) == (0, ())


async def test_an_acknowledgement_before_a_commit_that_never_comes_is_a_lost_write(
    app: App, tmp_path: Path
) -> None:
    app.fault = "acknowledges before the commit"
    report, comparison = await load(app, tmp_path / "l")
    assert report.overall.failed == 0  # nothing but the comparison can see it
    assert sorted(comparison.lost) == sorted(app.faulty) != []


async def test_a_write_applied_twice_is_named(app: App, tmp_path: Path) -> None:
    app.fault = "stores twice"
    _, comparison = await load(app, tmp_path / "l")
    assert comparison.duplicated == tuple((one, 2) for one in sorted(app.faulty)) != ()
    assert comparison.lost == ()


async def test_unknown_outcomes_are_resolved_into_applied_and_not_applied(
    app: App, tmp_path: Path
) -> None:
    app.fault = "vanishes after the commit"
    _, comparison = await load(app, tmp_path / "after")
    assert sorted(comparison.unknown_applied) == sorted(app.faulty) != []
    assert (comparison.unknown_not_applied, comparison.lost) == ((), ())
    assert comparison.holds


async def test_an_error_before_the_commit_is_unknown_and_not_applied(
    app: App, tmp_path: Path
) -> None:
    app.fault = "vanishes before the commit"
    _, comparison = await load(app, tmp_path / "l")
    assert sorted(comparison.unknown_not_applied) == sorted(app.faulty) != []
    assert (comparison.unknown_applied, comparison.lost) == ((), ())


async def test_killing_postgresql_in_the_middle_loses_no_acknowledged_write(
    app: App, server: Server, tmp_path: Path
) -> None:
    async def crash() -> None:
        await app.arrived.wait()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    report, comparison = await load(app, tmp_path / "l", while_it_runs=crash, duration="4s")
    assert report.overall.failed > 0
    assert comparison.acknowledged > 0
    assert comparison.holds
    assert comparison.unknown == report.overall.failed
    assert report.writes.longest_stall_ms > 10


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"table": "coments", "column": "body"}, 'relation "coments" does not exist'),
        ({"table": "comments", "column": "text"}, 'column "text" does not exist'),
        ({"table": "pg_authid", "column": "rolname"}, "permission denied"),
        ({"sql": "SELECT body FRM comments"}, "syntax error"),
    ],
)
async def test_what_cannot_be_asked_is_known_before_the_load(
    dsn: Secret, source: dict[str, str], complaint: str
) -> None:
    plan = plan_load(LoadTable.model_validate({"ledger": source}), run_id=RUN)
    with pytest.raises(LoadError, match=complaint):
        await require_judgeable(plan.source, dsn=dsn, run_id=RUN)


@pytest.mark.parametrize("source", [LEDGER, {"sql": "SELECT body FROM comments;"}])
async def test_a_query_that_can_be_asked_is_accepted(dsn: Secret, source: dict[str, str]) -> None:
    plan = plan_load(LoadTable.model_validate({"ledger": source}), run_id=RUN)
    await require_judgeable(plan.source, dsn=dsn, run_id=RUN)


async def test_the_command_compares_through_the_environment(
    app: App, dsn: Secret, tmp_path: Path
) -> None:
    app.fault = "acknowledges before the commit"
    (tmp_path / "tenfold.toml").write_text(
        """
        [load]
        rate = 50
        duration = "1s"
        ledger = { table = "comments", column = "body" }
        [[load.requests]]
        method = "POST"
        path = "/c"
        json = { body = "hello {id}" }
        ledger = true
        """
    )
    arguments = ("--spec", "tenfold.toml", "--ledger", "l", "--json", "--check-dsn-env", "DSN")
    async with served(app) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tenfold.load", "--url", url, *arguments),
            cwd=tmp_path,
            env={**os.environ, "DSN": dsn.reveal()},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert sorted(json.loads(out)["comparison"]["ids"]["lost"]) == sorted(app.faulty) != []


@pytest.fixture
def connection(dsn: Secret) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn.reveal(), autocommit=True) as connection:
        yield connection


def test_table_and_column_are_quoted_as_the_identifiers_they_are(
    dsn: Secret, connection: psycopg.Connection
) -> None:
    connection.execute('CREATE SCHEMA "Odd; DROP"')
    connection.execute('CREATE TABLE "Odd; DROP"."My ""Posts""" ("The Body" varchar, n int)')
    found = write_id(RUN, 1)
    connection.execute(
        'INSERT INTO "Odd; DROP"."My ""Posts""" VALUES (%s, 1), (NULL, 2)', [f"x {found}"]
    )
    source = TableSource(("Odd; DROP", 'My "Posts"'), "The Body", "contains")
    assert ids_in_database(dsn, source, RUN) == [found]
    connection.execute('DROP SCHEMA "Odd; DROP" CASCADE')


def test_a_query_of_ones_own_may_end_in_a_semicolon_and_contain_percent_signs(
    dsn: Secret, connection: psycopg.Connection
) -> None:
    rows = [write_id(RUN, n) for n in range(3)]
    for row in rows:
        connection.execute("INSERT INTO comments (body) VALUES (%s)", [row])
    source = SqlSource("SELECT body FROM comments WHERE body LIKE '%2' ;\n", "exact")
    assert ids_in_database(dsn, source, RUN) == [rows[2]]


def test_many_rows_are_read(dsn: Secret, connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO comments (body) SELECT 'hello ' || %s || lpad(to_hex(n), 8, '0')"
        " FROM generate_series(1, 12000) n",
        [RUN],
    )
    found = ids_in_database(dsn, TableSource(("comments",), "body", "contains"), RUN)
    assert len(found) == len(set(found)) == 12_000


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (TableSource(("coments",), "body", "contains"), 'relation "coments" does not exist'),
        (TableSource(("comments",), "bdy", "contains"), 'column "bdy" does not exist'),
        (SqlSource("SELEC 1", "contains"), "syntax error"),
        (SqlSource("DELETE FROM comments RETURNING body", "contains"), "syntax error"),
        (SqlSource("SELECT nextval('comments_id_seq')", "contains"), "read-only transaction"),
    ],
)
def test_what_cannot_be_asked_is_said(
    dsn: Secret, connection: psycopg.Connection, source: TableSource | SqlSource, complaint: str
) -> None:
    connection.execute("INSERT INTO comments (body) VALUES ('precious')")
    with pytest.raises(LoadError, match=complaint):
        ids_in_database(dsn, source, RUN)
    assert connection.execute("SELECT count(*) FROM comments").fetchone() == (1,)


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://app:hunter2@127.0.0.1:1/app",
        "postgresql://app:hunter2@127.0.0.1:notaport:hunter2/app",
        "app:hunter2",
        "postgresql://app:x@hunter2@127.0.0.1/app",
        "postgresql://app:x@y:hunter2@127.0.0.1/app",
    ],
)
def test_a_password_is_in_no_error(wrong: str) -> None:
    with pytest.raises(LoadError) as caught:
        ids_in_database(Secret(wrong), TableSource(("comments",), "body", "contains"), RUN)
    assert "hunter2" not in f"{caught.value} {caught.value.detail} {caught.value.__cause__!r}"


def test_one_that_follows_is_not_believed() -> None:
    """It answers, and may lack what was acknowledged a moment ago."""
    with pair() as (leader, follower):
        follower.start()
        login = follower.login("app")
        dsn = Secret(make_conninfo(login.conninfo(), password=login.password.reveal()))
        with leader.connect("app") as app:
            app.execute("CREATE TABLE comments (id bigserial PRIMARY KEY, body text)")
        with follower.connect("superuser") as there:
            wait_for(
                lambda: there.execute("SELECT to_regclass('comments')").fetchone() is not None,
                within=30,
                subject="the follower",
            )
        with pytest.raises(NotNow, match="follows another one"):
            ids_in_database(dsn, TableSource(("comments",), "body", "exact"), RUN)
