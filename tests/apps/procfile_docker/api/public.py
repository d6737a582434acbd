from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import insert, select

from api.data import engine, notes

VERSION = "1"
app = FastAPI()


@app.get("/")
def home() -> dict[str, str]:
    return {"version": VERSION}


@app.get("/notes")
def read() -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(notes.c.text).order_by(notes.c.id)))


async def words(request: Request) -> str:
    return (await request.body()).decode()


@app.post("/notes")
def write(text: str = Depends(words)) -> Response:
    with engine.begin() as connection:
        connection.execute(insert(notes).values(text=text))
    return Response(status_code=201)
