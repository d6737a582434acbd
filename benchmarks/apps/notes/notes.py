"""Notes: a small FastAPI app with its own table, and one route that does nothing."""

import asyncio
import os
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from psycopg_pool import AsyncConnectionPool
from version import VERSION

TABLE = "create table if not exists notes (id bigserial primary key, text text not null)"


@asynccontextmanager
async def lifespan(app):
    pool = AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        min_size=1,
        max_size=4,
        open=False,
        check=AsyncConnectionPool.check_connection,
    )
    async with pool:
        async with pool.connection() as db:
            await db.execute("select pg_advisory_xact_lock(1)")  # two workers start at once
            await db.execute(TABLE)
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/hello")
async def hello():
    """The trivial route."""
    return {"hello": "world"}


@app.get("/version")
async def version():
    """Which release answers, by which process."""
    return {"version": VERSION, "pid": os.getpid()}


@app.get("/notes")
async def notes(request: Request):
    """The newest twenty."""
    async with request.app.state.pool.connection() as db:
        rows = await (
            await db.execute("select text from notes order by id desc limit 20")
        ).fetchall()
    return [row[0] for row in rows]


@app.post("/notes", status_code=201)
async def add(request: Request):
    """One row, committed before the answer."""
    text = (await request.json())["text"]
    async with request.app.state.pool.connection() as db:
        await db.execute("insert into notes (text) values (%s)", (text,))
    return {"text": text}


@app.get("/slow")
async def slow(seconds: float = 1.0):
    """An answer that takes its time."""
    await asyncio.sleep(seconds)
    return {"version": VERSION}


@app.post("/upload")
async def upload(request: Request):
    """Counts what it is sent."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}
