"""The app on a database of its own, and people who use it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, text
from support import MIGRATIONS, Browser

from notes import create_app, database_uri
from notes.models import Base, db


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app, migrated: on the server that DATABASE_URL names, else on SQLite."""
    with pytest.MonkeyPatch.context() as patch:
        for url in database(tmp_path_factory):
            patch.setenv("DATABASE_URL", url)
            patch.setenv("SECRET_KEY", "for the tests")
            app = create_app()
            with app.app_context():
                upgrade(str(MIGRATIONS))
            yield app
            with app.app_context():
                db.engine.dispose()


def database(factory: pytest.TempPathFactory) -> Iterator[str]:
    """A new database, dropped afterwards."""
    if "DATABASE_URL" not in os.environ:
        yield f"sqlite:///{factory.mktemp('database') / 'notes.db'}"
        return
    server = create_engine(database_uri(), isolation_level="AUTOCOMMIT")
    name = f"notes_test_{secrets.token_hex(6)}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield server.url.set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(autouse=True)
def empty(app: Flask) -> Iterator[None]:
    """Nobody and nothing is left of a test."""
    yield
    with app.app_context():
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """Somebody without a notebook."""
    return Browser(app.test_client())


@pytest.fixture
def ada(app: Flask) -> Browser:
    """Somebody with one."""
    browser = Browser(app.test_client())
    browser.sign_up("ada")
    return browser


@pytest.fixture
def ben(app: Flask) -> Browser:
    """Somebody else with one."""
    browser = Browser(app.test_client())
    browser.sign_up("ben")
    return browser
