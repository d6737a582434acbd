"""Articles: lists, single ones, and their tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.errors import Forbidden, NotFound
from conduit.store import Query, Record
from conduit.store.people import is_followed, user_id_of
from conduit.tables import article_tags, articles, favorites, follows, users
from conduit.text import RESERVED_SLUGS, distinct, slugify


@dataclass(frozen=True)
class Filter:
    """Which articles a list is about; what is None does not restrict it."""

    tag: str | None = None
    author: str | None = None
    favorited: str | None = None
    feed: bool = False

    def restrictions(self) -> frozenset[str]:
        """The names of the restrictions in force."""
        return frozenset(n for n in ("tag", "author", "favorited", "feed") if getattr(self, n))


async def listing(
    connection: AsyncConnection, which: Filter, viewer: int, limit: int, offset: int
) -> tuple[Sequence[Record], int]:
    """One page of articles, newest first, and how many there are in all: one statement, so both
    are of the same moment."""
    parameters = {
        "tag": which.tag,
        "author": which.author,
        "favorited": which.favorited,
        "viewer": viewer,
        "limit": limit,
        "offset": offset,
    }
    result = await connection.execute(_listing(which.restrictions()), parameters)
    rows = result.all()
    # Beyond the last page there is one row, with the total alone.
    return [row for row in rows if row.id is not None], rows[0].total


async def by_slug(connection: AsyncConnection, slug: str, viewer: int) -> Record:
    """The article, as the viewer sees it. Raises NotFound."""
    row = (await connection.execute(_single(), {"slug": slug, "viewer": viewer})).first()
    if row is None:
        raise NotFound("article")
    return row


async def id_of(connection: AsyncConnection, slug: str) -> int:
    """The id of an article. Raises NotFound."""
    found = await connection.scalar(select(articles.c.id).where(articles.c.slug == slug))
    if found is None:
        raise NotFound("article")
    return int(found)


async def id_to_refer_to(connection: AsyncConnection, slug: str) -> int:
    """The id of an article that stays until the transaction ends. Raises NotFound."""
    query = select(articles.c.id).where(articles.c.slug == slug)
    found = await connection.scalar(query.with_for_update(read=True, key_share=True))
    if found is None:
        raise NotFound("article")
    return int(found)


async def own(connection: AsyncConnection, slug: str, author: int) -> Record:
    """The article, for its author to change. Raises NotFound, or Forbidden for anybody else."""
    row = await by_slug(connection, slug, author)
    if row.author_id != author:
        raise Forbidden("article")
    return row


async def create(
    connection: AsyncConnection,
    author: int,
    title: str,
    description: str,
    body: str,
    tags: Sequence[str] = (),
    cover: str | None = None,
) -> str:
    """Store a new article and return its slug: one that no other article has."""
    values = {
        "title": title,
        "description": description,
        "body": body,
        "cover": cover,
        "author_id": author,
    }
    slug = slugify(title)
    while True:
        if slug not in RESERVED_SLUGS:
            offer = insert(articles).values(slug=slug, **values).on_conflict_do_nothing()
            article_id = await connection.scalar(offer.returning(articles.c.id))
            if article_id is not None:
                break
        slug = distinct(slugify(title))
    await _set_tags(connection, article_id, tags)
    return slug


async def change(
    connection: AsyncConnection, article: Record, changes: dict[str, Any], tags: list[str] | None
) -> str:
    """Change an article (columns by name; tags unless None) and return its slug, which follows
    the title."""
    slug: str = article.slug
    if "title" in changes and slugify(changes["title"]) != slugify(article.title):
        slug = await _free_slug(connection, slugify(changes["title"]), article.id)
    statement = (
        update(articles)
        .where(articles.c.id == article.id)
        .values(slug=slug, updated_at=func.clock_timestamp(), **changes)
    )
    await connection.execute(statement)
    if tags is not None:
        await connection.execute(
            delete(article_tags).where(article_tags.c.article_id == article.id)
        )
        await _set_tags(connection, article.id, tags)
    return slug


async def remove(connection: AsyncConnection, article: Record) -> None:
    """Delete an article, with its comments and favourites."""
    await connection.execute(delete(articles).where(articles.c.id == article.id))


async def popular_tags(connection: AsyncConnection, at_most: int | None = None) -> Sequence[str]:
    """The tags in use, those with most articles first."""
    query = (
        select(article_tags.c.tag)
        .group_by(article_tags.c.tag)
        .order_by(func.count().desc(), article_tags.c.tag)
        .limit(at_most)
    )
    return (await connection.scalars(query)).all()


async def _free_slug(connection: AsyncConnection, slug: str, article_id: int) -> str:
    # A lock for the rest of the transaction: two articles that are renamed to the same title at
    # once would otherwise both find it free, and one of them would fail on the unique key.
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(slug, 0))))
    taken = select(articles.c.id).where(articles.c.slug == slug, articles.c.id != article_id)
    if slug in RESERVED_SLUGS or await connection.scalar(taken) is not None:
        return distinct(slug)
    return slug


async def _set_tags(connection: AsyncConnection, article_id: int, tags: Sequence[str]) -> None:
    rows = [
        {"article_id": article_id, "tag": tag, "position": place} for place, tag in enumerate(tags)
    ]
    if rows:
        await connection.execute(insert(article_tags).values(rows))


# The statements below are built once per shape: what differs between two requests is a parameter.


@lru_cache
def _listing(restrictions: frozenset[str]) -> Query:
    conditions = [_CONDITIONS[name] for name in sorted(restrictions)]
    order = (articles.c.created_at.desc(), articles.c.id.desc())
    page = (
        select(articles.c.id)
        .where(*conditions)
        .order_by(*order)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
        .subquery("page")
    )
    total = (
        select(func.count().label("total"))
        .select_from(articles)
        .where(*conditions)
        .subquery("matching")
    )
    shown = (
        select(*_columns())
        .join(page, page.c.id == articles.c.id)
        .join(users, users.c.id == articles.c.author_id)
        .subquery("shown")
    )
    return (
        select(total.c.total, *shown.c)
        .select_from(total.outerjoin(shown, true()))
        .order_by(shown.c.created_at.desc(), shown.c.id.desc())
    )


@lru_cache
def _single() -> Query:
    return (
        select(*_columns(), articles.c.body, articles.c.author_id)
        .join(users, users.c.id == articles.c.author_id)
        .where(articles.c.slug == bindparam("slug"))
    )


def _columns() -> list[ColumnElement[Any]]:
    tags = (
        select(article_tags.c.tag)
        .where(article_tags.c.article_id == articles.c.id)
        .order_by(article_tags.c.position)
    )
    liked = select(favorites.c.user_id).where(
        favorites.c.article_id == articles.c.id, favorites.c.user_id == bindparam("viewer")
    )
    return [
        articles.c.id,
        articles.c.slug,
        articles.c.title,
        articles.c.description,
        articles.c.cover,
        articles.c.favorites_count,
        articles.c.created_at,
        articles.c.updated_at,
        func.array(tags.scalar_subquery()).label("tags"),
        liked.exists().label("favorited"),
        users.c.username,
        users.c.bio,
        users.c.image,
        is_followed().label("following"),
    ]


_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "tag": articles.c.id.in_(
        select(article_tags.c.article_id).where(article_tags.c.tag == bindparam("tag"))
    ),
    "author": articles.c.author_id == user_id_of("author"),
    "favorited": articles.c.id.in_(
        select(favorites.c.article_id).where(favorites.c.user_id == user_id_of("favorited"))
    ),
    "feed": articles.c.author_id.in_(
        select(follows.c.followed_id).where(follows.c.follower_id == bindparam("viewer"))
    ),
}
