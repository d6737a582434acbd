"""An ASGI app without any framework."""

import json
import os

import asyncpg

VERSION = "1"
EXISTS = "select to_regclass('notes')"
CREATE = "create table notes (id serial primary key, text text not null)"


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    route = (scope["method"], scope["path"])
    if route == ("GET", "/"):
        await _answer(send, 200, {"version": VERSION})
    elif route == ("POST", "/notes"):
        text = await _body(receive)
        await _with_database("execute", "insert into notes (text) values ($1)", text)
        await _answer(send, 201, None)
    elif route == ("GET", "/notes"):
        rows = await _with_database("fetch", "select text from notes order by id")
        await _answer(send, 200, [row["text"] for row in rows])
    else:
        await _answer(send, 404, None)


async def _with_database(method, *arguments):
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        return await getattr(connection, method)(*arguments)
    finally:
        await connection.close()


async def _create():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(1)")
            if await connection.fetchval(EXISTS) is None:
                await connection.execute(CREATE)
    finally:
        await connection.close()


async def _lifespan(receive, send):
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await _create()
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _body(receive):
    parts = b""
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if not message.get("more_body"):
            return parts.decode()


async def _answer(send, status, content):
    body = b"" if content is None else json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
