import os
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

VERSION = "1"
EXISTS = "select to_regclass('notes')"
CREATE = "create table notes (id serial primary key, text text not null)"


@asynccontextmanager
async def lifespan(app):
    async with AsyncConnectionPool(
        os.environ["DATABASE_URL"], max_size=4, open=False, check=AsyncConnectionPool.check_connection
    ) as pool:
        async with pool.connection() as connection:
            await connection.execute("select pg_advisory_xact_lock(1)")
            if (await (await connection.execute(EXISTS)).fetchone())[0] is None:
                await connection.execute(CREATE)
        app.state.pool = pool
        yield


async def home(request: Request) -> JSONResponse:
    return JSONResponse({"version": VERSION})


async def write(request: Request) -> Response:
    text = (await request.body()).decode()
    async with request.app.state.pool.connection() as connection:
        await connection.execute("insert into notes (text) values (%s)", [text])
    return Response(status_code=201)


async def read(request: Request) -> JSONResponse:
    async with request.app.state.pool.connection() as connection:
        found = await connection.execute("select text from notes order by id")
        return JSONResponse([row[0] for row in await found.fetchall()])


app = Starlette(
    routes=[
        Route("/", home),
        Route("/notes", write, methods=["POST"]),
        Route("/notes", read, methods=["GET"]),
    ],
    lifespan=lifespan,
)
