from sqlalchemy import func, select

from shelf.database import Note, Session


def count() -> None:
    with Session() as session:
        print(session.scalar(select(func.count(Note.id))))
