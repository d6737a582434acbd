from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from sqlalchemy import select, text

from larder.store import Base, Note, engine, sessions

VERSION = "1"


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        # Several workers start at a time, and only one may create the table.
        await connection.execute(text("select pg_advisory_xact_lock(1)"))
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(version=version("larder-api"), lifespan=lifespan)


@app.get("/")
async def home():
    return {"version": VERSION}


@app.post("/notes")
async def write(request: Request):
    async with sessions.begin() as session:
        session.add(Note(text=(await request.body()).decode()))
    return Response(status_code=201)


@app.get("/notes")
async def read() -> list[str]:
    async with sessions() as session:
        return list(await session.scalars(select(Note.text).order_by(Note.id)))
