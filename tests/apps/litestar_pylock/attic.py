import os

import psycopg
from litestar import Litestar, Request, get, post

VERSION = "1"
EXISTS = "select to_regclass('notes')"
CREATE = "create table notes (id serial primary key, text text not null)"


async def connect() -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"])


async def create() -> None:
    async with await connect() as connection:
        await connection.execute("select pg_advisory_xact_lock(1)")
        if (await (await connection.execute(EXISTS)).fetchone())[0] is None:
            await connection.execute(CREATE)


@get("/")
async def home() -> dict[str, str]:
    return {"version": VERSION}


@get("/health")
async def health() -> str:
    return "ok"


@post("/notes", status_code=201)
async def write(request: Request) -> None:
    text = (await request.body()).decode()
    async with await connect() as connection:
        await connection.execute("insert into notes (text) values (%s)", [text])


@get("/notes")
async def read() -> list[str]:
    async with await connect() as connection:
        found = await connection.execute("select text from notes order by id")
        return [row[0] for row in await found.fetchall()]


app = Litestar([home, health, write, read], on_startup=[create])
