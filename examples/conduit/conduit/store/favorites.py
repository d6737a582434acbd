"""Favourites, and the counter that goes with them."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.tables import articles, favorites


async def add(connection: AsyncConnection, user_id: int, article_id: int) -> None:
    """Like an article. Once more, even at the same moment, changes nothing: the counter moves by
    the rows that this very statement put in."""
    added = (
        insert(favorites)
        .values(user_id=user_id, article_id=article_id)
        .on_conflict_do_nothing()
        .returning(favorites.c.article_id)
        .cte("added")
    )

    await connection.execute(
        update(articles)
        .where(articles.c.id.in_(select(added.c.article_id)))
        .values(favorites_count=articles.c.favorites_count + 1)
    )


async def remove(connection: AsyncConnection, user_id: int, article_id: int) -> None:
    """Take a like back. Once more changes nothing."""
    removed = (
        delete(favorites)
        .where(favorites.c.user_id == user_id, favorites.c.article_id == article_id)
        .returning(favorites.c.article_id)
        .cte("removed")
    )
    await connection.execute(
        update(articles)
        .where(articles.c.id.in_(select(removed.c.article_id)))
        .values(favorites_count=articles.c.favorites_count - 1)
    )
