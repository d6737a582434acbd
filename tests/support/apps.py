"""Small real apps for live tests: each one a project that a user could have."""

from __future__ import annotations

from pathlib import Path

from tests.support.project import Project
from tests.support.venvs import FASTAPI, WSGI, environment

NOTES = '''
    """Notes: an ASGI app that writes to its database."""

    import asyncio
    import os
    from contextlib import asynccontextmanager

    from fastapi import FastAPI, Request, WebSocket
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    VERSION = "one"


    @asynccontextmanager
    async def lifespan(app):
        pool = AsyncConnectionPool(
            os.environ["DATABASE_URL"], min_size=1, max_size=4, open=False,
            check=AsyncConnectionPool.check_connection, kwargs={"row_factory": dict_row},
        )
        async with pool:
            async with pool.connection() as db:
                await db.execute(
                    "create table if not exists notes (id bigserial primary key, text text)"
                )
            app.state.pool = pool
            yield


    app = FastAPI(lifespan=lifespan)


    @app.get("/")
    async def home():
        return {"version": VERSION, "pid": os.getpid()}


    @app.get("/notes")
    async def notes(request: Request):
        async with request.app.state.pool.connection() as db:
            rows = await (await db.execute("select text from notes order by id")).fetchall()
        return [row["text"] for row in rows]


    @app.post("/notes", status_code=201)
    async def add(request: Request):
        text = (await request.body()).decode()
        async with request.app.state.pool.connection() as db:
            await db.execute("insert into notes (text) values (%s)", (text,))
        return {"text": text}


    @app.get("/slow")
    async def slow(seconds: float = 1.0):
        await asyncio.sleep(seconds)
        return {"version": VERSION}


    @app.post("/upload")
    async def upload(request: Request):
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return {"size": size}


    @app.get("/environment")
    async def environment():
        return {"names": sorted(os.environ), "uid": os.getuid()}


    @app.get("/boom")
    async def boom():
        raise RuntimeError("boom")


    @app.websocket("/ws")
    async def echo(socket: WebSocket):
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())
'''

NOTES_TOML = """
    name = "notes"
    app = "notes:app"

    [static]
    assets = { "/static" = "static" }

    [server]
    workers = 2
    health_timeout = "15s"
    drain = "20s"
"""

LEDGER = '''
    """Ledger: a WSGI app without a framework that writes to its database."""

    import json
    import os

    import psycopg

    VERSION = "one"


    def connect():
        return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


    def application(environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        status, answer = "200 OK", {"version": VERSION}
        if path == "/lines" and method == "POST":
            text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            with connect() as db:
                db.execute("insert into lines (text) values (%s)", (text,))
            status, answer = "201 Created", {"text": text}
        elif path == "/lines":
            with connect() as db:
                answer = [row[0] for row in db.execute("select text from lines order by id")]
        elif path != "/":
            status, answer = "404 Not Found", {}
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"),
                                ("Content-Length", str(len(body)))])
        return [body]
'''

LEDGER_MIGRATE = '''
    """The migration: run once per release, as the owner of the schema."""

    import os

    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        db.execute("create table if not exists lines (id bigserial primary key, text text)")
        db.execute("create table if not exists migrated (at timestamptz default now())")
        db.execute("insert into migrated default values")
'''

LEDGER_TOML = """
    name = "ledger"
    app = "ledger:application"

    [release]
    migrate = "python migrate.py"

    [server]
    workers = 2
"""


def notes(path: Path) -> Project:
    """A FastAPI app on uvicorn, which creates its own table."""
    project = Project(path)
    project.write("notes.py", NOTES)
    project.write("tenfold.toml", NOTES_TOML)
    project.write("static/app.css", "body { color: black }\n")
    project.write("static/app.3f2a9c1d.js", "console.log('hashed')\n")
    (path / ".venv").symlink_to(environment("fastapi", FASTAPI))
    return project


def diary(path: Path) -> Project:
    """The notes app with a migration in place of a table that it makes when it starts."""
    project = Project(path)
    made_at_start = """            async with pool.connection() as db:
                await db.execute(
                    "create table if not exists notes (id bigserial primary key, text text)"
                )
"""
    assert made_at_start in NOTES
    project.write("notes.py", NOTES.replace(made_at_start, ""))
    project.write(
        "migrate.py",
        """
        import os
        import psycopg

        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
            db.execute("create table if not exists notes (id bigserial primary key, text text)")
        """,
    )
    table = '[release]\nmigrate = "python migrate.py"\n\n[static]'
    project.write("tenfold.toml", NOTES_TOML.replace("    [static]", table, 1).replace("    ", ""))
    project.write("static/app.css", "body { color: black }\n")
    (path / ".venv").symlink_to(environment("fastapi", FASTAPI))
    return project


def ledger(path: Path) -> Project:
    """A WSGI app on gunicorn, with a migration."""
    project = Project(path)
    project.write("ledger.py", LEDGER)
    project.write("migrate.py", LEDGER_MIGRATE)
    project.write("tenfold.toml", LEDGER_TOML)
    (path / ".venv").symlink_to(environment("wsgi", WSGI))
    return project
