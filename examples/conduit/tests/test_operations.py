"""What those who run the app rely on: settings, keys, migrations, health, a restarting database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from conduit.database import Database
from conduit.keys import KeyRing
from conduit.main import create_app
from conduit.seed import content
from conduit.settings import Settings, SettingsError
from conduit.tables import metadata
from conftest import HOME, client_of, migrate
from postgres import Postgres
from support import Person, register


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://u:p%40ss@h:1/d?sslmode=require",
        "postgres://u:p%40ss@h:1/d?sslmode=require",
        "postgresql+psycopg://u:p%40ss@h:1/d?sslmode=require",
        "postgresql+asyncpg://u:p%40ss@h:1/d?sslmode=require",
    ],
)
def test_every_spelling_of_the_database_url(given: str) -> None:
    url = Settings.from_env({"DATABASE_URL": given}).database_url
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "u", "p@ss", "h", 1, "d",
    )  # fmt: skip
    assert url.query == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://h/d"}, "DATABASE_URL"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql:///d", "SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DATABASE_URL": "postgresql:///d", "DB_POOL_SIZE": "many"}, "DB_POOL_SIZE"),
        ({"DATABASE_URL": "postgresql:///d", "COOKIE_SECURE": "perhaps"}, "COOKIE_SECURE"),
    ],
)
def test_settings_that_cannot_be_used_are_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_env(env)


def test_prepared_statements_can_be_turned_off_for_poolers() -> None:
    env = {"DATABASE_URL": "postgresql:///d"}
    assert Settings.from_env(env).connect_args()["prepare_threshold"] == 5
    env["DB_PREPARE_THRESHOLD"] = "none"
    assert Settings.from_env(env).connect_args()["prepare_threshold"] is None


def test_importing_the_app_needs_no_environment_and_opens_nothing() -> None:
    code = (
        "import sys, conduit.main; heavy = {'PIL', 'argon2', 'markdown_it'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    subprocess.run([sys.executable, "-c", code], cwd=HOME, env=env, check=True, timeout=60)


async def test_workers_that_start_at_once_share_the_secret_they_make(empty_database: str) -> None:
    migrate(empty_database)
    workers = [Database(Settings.from_env({"DATABASE_URL": empty_database})) for _ in range(6)]
    keys = await asyncio.gather(*(KeyRing(worker, None).get() for worker in workers))
    assert all(key == keys[0] for key in keys)
    later = await KeyRing(workers[0], None).get()
    assert later == keys[0]
    given = await KeyRing(workers[0], "a secret from the environment").get()
    assert given != keys[0]
    assert len({given.api_token, given.session, given.csrf}) == 3
    await asyncio.gather(*(worker.close() for worker in workers))


def test_the_migrations_make_what_the_code_describes(empty_database: str) -> None:
    migrate(empty_database)
    argv = [sys.executable, "-m", "alembic", "check"]
    env = {**os.environ, "DATABASE_URL": empty_database}
    done = subprocess.run(argv, cwd=HOME, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_migrations_at_once_are_one(empty_database: str) -> None:
    argv = [sys.executable, "-m", "alembic", "upgrade", "head"]
    env = {**os.environ, "DATABASE_URL": empty_database}
    both = [
        subprocess.Popen(argv, cwd=HOME, env=env, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    results = [(process.communicate(timeout=60), process.returncode) for process in both]
    assert [code for _, code in results] == [0, 0], results


def test_every_table_has_a_primary_key_and_every_foreign_key_an_index(database_url: str) -> None:
    assert all(table.primary_key.columns for table in metadata.tables.values())
    with psycopg.connect(database_url) as connection:
        bare = connection.execute(
            "SELECT conrelid::regclass, conname FROM pg_constraint c WHERE contype = 'f'"
            " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid"
            " AND i.indkey[0] = c.conkey[1])"
        ).fetchall()
    assert bare == []


async def test_health(app: FastAPI, client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"


async def test_nothing_is_acknowledged_before_it_is_committed(
    app: FastAPI, ada: Person, database_url: str
) -> None:
    slug = (await ada.publish())["slug"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;"
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON comments"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        try:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as fragile:
                person = Person(fragile, "ada", ada.token)
                response = await person(
                    "POST", f"/articles/{slug}/comments", {"comment": {"body": "b"}}
                )
        finally:
            connection.execute("DROP FUNCTION refuse() CASCADE")
    assert response.status_code == 500
    assert response.json() == {"errors": {"body": ["internal server error"]}}
    assert "content-security-policy" in response.headers


async def test_a_database_that_comes_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Postgres() as postgres:
        migrate(postgres.url)
        monkeypatch.setenv("DATABASE_URL", postgres.url)
        monkeypatch.setenv("MEDIA_DIR", str(tmp_path))
        app = create_app()
        async with app.router.lifespan_context(app), client_of(app) as client:
            ada = await register(client, "ada")
            slug = (await ada.publish())["slug"]
            # Several connections in the pool, all of which are about to break.
            await asyncio.gather(*(client.get("/api/articles") for _ in range(5)))
            for mode, asked_meanwhile in (("fast", False), ("immediate", False), ("fast", True)):
                postgres.stop(mode)
                if asked_meanwhile:
                    await _told_to_come_back(client)
                postgres.start()
                remark = {"comment": {"body": "b"}}
                answers = await asyncio.gather(
                    *(client.get("/api/articles") for _ in range(5)),
                    *(ada("POST", f"/articles/{slug}/comments", remark) for _ in range(5)),
                )
                assert [a.status_code for a in answers] == [200] * 10


async def _told_to_come_back(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 503
    refused = await client.get("/api/articles")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    page = await client.get("/")
    assert page.status_code == 503
    assert "One moment" in page.text


async def test_starting_before_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    with Postgres() as postgres:
        migrate(postgres.url)
        monkeypatch.setenv("DATABASE_URL", postgres.url)
        postgres.stop()
        app = create_app()
        async with app.router.lifespan_context(app), client_of(app) as client:
            assert (await client.get("/healthz")).status_code == 503
            postgres.start()
            assert (await client.get("/healthz")).status_code == 200
            assert (await register(client, "ada")).token


def test_the_demonstration_is_complete() -> None:
    until = datetime(2026, 11, 22, tzinfo=UTC)
    people = {person.username for person in content.people()}
    pieces = content.pieces(until)
    assert len(people) == 12
    assert len(pieces) == len({piece.slug for piece in pieces}) == 60
    assert {piece.author for piece in pieces} == people
    assert all(piece.tags and piece.at < until for piece in pieces)
    assert content.pieces(until) == pieces


def test_seeding_twice_is_seeding_once(empty_database: str) -> None:
    migrate(empty_database)
    env = {**os.environ, "DATABASE_URL": empty_database}
    argv = [sys.executable, "-m", "conduit.seed"]
    outputs = [
        subprocess.run(argv, cwd=HOME, env=env, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert outputs[0].startswith("Added 12 people, 60 articles,")
    assert outputs[1].startswith("Added 0 people, 0 articles, 0 comments")
    with psycopg.connect(empty_database) as connection:
        wrong = connection.execute(
            "SELECT slug FROM articles a WHERE favorites_count <>"
            " (SELECT count(*) FROM favorites f WHERE f.article_id = a.id)"
        ).fetchall()
    assert wrong == []


def test_seeding_without_tables_says_what_to_do(empty_database: str) -> None:
    env = {**os.environ, "DATABASE_URL": empty_database}
    argv = [sys.executable, "-m", "conduit.seed"]
    done = subprocess.run(argv, cwd=HOME, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "alembic upgrade head" in done.stderr
    assert "Traceback" not in done.stderr
