"""Diary: the notes app, whose schema comes from a migration, so that a start writes nothing."""

import asyncio
import os
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from psycopg_pool import AsyncConnectionPool
from version import VERSION


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
