"""Comments under an article."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.errors import Forbidden, NotFound
from conduit.store import Query, Record
from conduit.store.people import is_followed
from conduit.tables import comments, users


async def of_article(
    connection: AsyncConnection,
    article_id: int,
    viewer: int,
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[Record]:
    """The comments of an article, newest first; all of them without a limit."""
    parameters = {"article_id": article_id, "viewer": viewer, "limit": limit, "offset": offset}
    return (await connection.execute(_of_article(), parameters)).all()


async def count_of(connection: AsyncConnection, article_id: int) -> int:
    """How many comments an article has."""
    query = select(func.count()).select_from(comments).where(comments.c.article_id == article_id)
    return (await connection.execute(query)).scalar_one()


async def create(connection: AsyncConnection, article_id: int, author: int, body: str) -> Record:
    """Store a comment; returns its id and times."""
    statement = insert(comments).values(article_id=article_id, author_id=author, body=body)
    columns = (comments.c.id, comments.c.body, comments.c.created_at, comments.c.updated_at)
    return (await connection.execute(statement.returning(*columns))).one()


async def remove(
    connection: AsyncConnection, article_id: int, comment_id: int, author: int
) -> None:
    """Delete one's own comment. Raises NotFound, or Forbidden for somebody else's."""
    query = select(comments.c.author_id).where(
        comments.c.id == comment_id, comments.c.article_id == article_id
    )
    written_by = await connection.scalar(query)
    if written_by is None:
        raise NotFound("comment")
    if written_by != author:
        raise Forbidden("comment")
    await connection.execute(delete(comments).where(comments.c.id == comment_id))


@lru_cache
def _of_article() -> Query:
    columns = (
        comments.c.id,
        comments.c.body,
        comments.c.author_id,
        comments.c.created_at,
        comments.c.updated_at,
        users.c.username,
        users.c.bio,
        users.c.image,
        is_followed().label("following"),
    )
    return (
        select(*columns)
        .join(users, users.c.id == comments.c.author_id)
        .where(comments.c.article_id == bindparam("article_id"))
        .order_by(comments.c.created_at.desc(), comments.c.id.desc())
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )
