"""A migrated database of our own, the app on top of it, and clients."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from conduit.main import create_app
from conduit.tables import metadata
from postgres import Postgres
from support import Browser, Person, register

HOME = Path(__file__).parent.parent


def migrate(url: str, target: str = "head") -> None:
    """Run Alembic as a release would."""
    argv = [sys.executable, "-m", "alembic", "upgrade", target]
    env = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(argv, cwd=HOME, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL: the one that DATABASE_URL names, else one for the length of this run."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with Postgres() as postgres:
        yield postgres.url


@pytest.fixture
def empty_database(server_url: str) -> Iterator[str]:
    """A new database without tables, dropped afterwards."""
    yield from new_database(server_url)


def new_database(server_url: str) -> Iterator[str]:
    """Make a database on the server, and drop it afterwards."""
    name = f"conduit_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        base = server_url.rpartition("/")[0]
        yield f"{base}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """The migrated database that most tests share."""
    for url in new_database(server_url):
        migrate(url)
        yield url


@pytest.fixture(scope="session")
async def app(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FastAPI]:
    """The app, started."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DATABASE_URL", database_url)
    patch.setenv("MEDIA_DIR", str(tmp_path_factory.mktemp("media") / "pictures"))
    patch.delenv("SECRET_KEY", raising=False)
    application = create_app()
    async with application.router.lifespan_context(application):
        yield application
    patch.undo()


@pytest.fixture(autouse=True)
def clean_tables(request: pytest.FixtureRequest) -> None:
    """Each test that uses the shared database begins with nobody and nothing in it."""
    if "app" in request.fixturenames:
        kept = "app_secrets"
        names = ", ".join(t.name for t in metadata.sorted_tables if t.name != kept)
        with psycopg.connect(request.getfixturevalue("database_url"), autocommit=True) as c:
            c.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without an account."""
    async with client_of(app) as fresh:
        yield fresh


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client with cookies of its own."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://conduit.test")


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Person:
    """Somebody with an account."""
    return await register(client, "ada")


@pytest.fixture
async def ben(client: httpx.AsyncClient) -> Person:
    """Somebody else."""
    return await register(client, "ben")


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
    """A browser in which nobody is signed in."""
    async with client_of(app) as fresh:
        yield Browser(fresh)
