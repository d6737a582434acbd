from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shelf import __version__, database

VERSION = "1"
app = FastAPI(title="Shelf", version=__version__)


def session() -> Iterator[Session]:
    with database.Session() as opened:
        yield opened


Db = Annotated[Session, Depends(session)]


@app.get("/")
def home() -> dict[str, str]:
    return {"version": VERSION, "package": __version__}


@app.get("/healthz")
def healthz(db: Db) -> str:
    db.execute(text("select 1"))
    return "ok"


async def body(request: Request) -> str:
    return (await request.body()).decode()


@app.post("/notes", status_code=201)
def write(db: Db, words: Annotated[str, Depends(body)]) -> Response:
    db.add(database.Note(text=words))
    db.commit()
    return Response(status_code=201)


@app.get("/notes")
def read(db: Db) -> list[str]:
    return list(db.scalars(select(database.Note.text).order_by(database.Note.id)))
