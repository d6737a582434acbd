"""The connection pool, and the two ways in which a request uses it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from conduit.settings import Settings

log = logging.getLogger("conduit.database")


class NoDatabase(ConnectionError):
    """Something needs the database before there is one."""

    def __init__(self) -> None:
        super().__init__("there is no database: DATABASE_URL is not set")


class BeforeLaunch:
    """Stands for the database as long as there is none."""

    exists = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Raises NoDatabase."""
        raise NoDatabase
        yield

    writing = reading

    async def close(self) -> None:
        """Nothing is open."""


class Database:
    """A pool of connections to PostgreSQL.

    Each connection is pinged when it leaves the pool, so that a restart of the database costs the
    next request a reconnect and not an error.
    """

    exists = True

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise NoDatabase
        self._engine = create_async_engine(
            settings.database_url,
            connect_args=settings.connect_args(),
            pool_size=settings.pool_size,
            max_overflow=settings.pool_overflow,
            pool_timeout=10,
            pool_pre_ping=True,
            # Errors are logged and shown to operators; what users typed does not belong there.
            hide_parameters=True,
        )
        # Single statements need no BEGIN and ROLLBACK around them: two round trips less.
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement stands alone."""
        async with self._single.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end, rolled back on an exception."""
        async with self._engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def _reading(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.reading() as connection:
        yield connection


async def _writing(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.writing() as connection:
        yield connection


# scope="function" ends the transaction *before* the response is sent. With FastAPI's default the
# client would get its 201 first, and a commit that failed then would lose an acknowledged write.
Reading = Annotated[AsyncConnection, Depends(_reading, scope="function")]
Writing = Annotated[AsyncConnection, Depends(_writing, scope="function")]
