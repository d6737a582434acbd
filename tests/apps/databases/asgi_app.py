"""Writes a row and reads it back, by the asynchronous driver that DRIVER names. See wsgi_app.py."""

import os
import time
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

URL = os.environ["DATABASE_URL"]
DRIVER = os.environ["DRIVER"]


@asynccontextmanager
async def plain():
    import asyncpg

    async def write(name):
        connection = await asyncpg.connect(URL)
        try:
            return await connection.fetchval(
                "INSERT INTO work (name) VALUES ($1) RETURNING name", name
            )
        finally:
            await connection.close()

    yield write


@asynccontextmanager
async def asyncpg_pool():
    import asyncpg

    async with asyncpg.create_pool(URL, min_size=4, max_size=10) as pool:

        async def write(name):
            return await pool.fetchval("INSERT INTO work (name) VALUES ($1) RETURNING name", name)

        yield write


@asynccontextmanager
async def psycopg_pool():
    from psycopg_pool import AsyncConnectionPool

    async with AsyncConnectionPool(URL, min_size=4, open=False) as pool:

        async def write(name):
            async with pool.connection() as connection:
                cursor = await connection.execute(
                    "INSERT INTO work (name) VALUES (%s) RETURNING name", [name]
                )
                return (await cursor.fetchone())[0]

        yield write


def sqlalchemy(dialect, **options):
    @asynccontextmanager
    async def opened():
        import sqlalchemy as sa
        from sqlalchemy.ext.asyncio import create_async_engine

        address = URL.replace("postgresql:", f"postgresql+{dialect}:")
        engine = create_async_engine(address, pool_size=4, **options)
        insert = sa.text("INSERT INTO work (name) VALUES (:name) RETURNING name")

        async def write(name):
            async with engine.begin() as connection:
                return (await connection.execute(insert, {"name": name})).scalar()

        yield write
        await engine.dispose()

    return opened


ways = {
    "async-plain": plain,
    "asyncpg": asyncpg_pool,
    "psycopg-async-pool": psycopg_pool,
    "sqlalchemy-asyncpg": sqlalchemy("asyncpg"),
    "sqlalchemy-async-psycopg": sqlalchemy("psycopg"),
    "sqlalchemy-async-pinging": sqlalchemy("asyncpg", pool_pre_ping=True),
}


@asynccontextmanager
async def lifespan(app):
    async with ways[DRIVER]() as app.state.write:
        yield


async def write(request):
    try:
        return PlainTextResponse(await request.app.state.write(request.path_params["name"]))
    except Exception as error:
        return PlainTextResponse(f"{type(error).__name__}: {error}", status_code=500)


async def busy(request):
    """Blocks the event loop."""
    time.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("done")


app = Starlette(routes=[Route("/busy/{seconds}", busy), Route("/{name}", write)], lifespan=lifespan)
