"""For the people who run it; another process elsewhere."""

from fastapi import FastAPI
from sqlalchemy import func, select

from api.data import engine, notes

app = FastAPI()


@app.get("/count")
def count() -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(notes))
