"""Put the demonstration into the database. Whatever is there already stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.database import Database
from conduit.passwords import hash_password
from conduit.seed import content
from conduit.tables import article_tags, articles, comments, favorites, follows, users

# Any number will do: two runs at once take turns.
SEED_LOCK = 7_341_902


@dataclass(frozen=True)
class Report:
    """What was added."""

    people: int
    articles: int
    comments: int


async def fill(database: Database, password: str, until: datetime) -> Report:
    """Add what is missing, in one transaction."""
    async with database.writing() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(SEED_LOCK)))
        known = await _ids(connection)
        await _people(connection, known, password)
        ids = await _ids(connection)
        await _follows(connection, ids)
        return Report(len(ids) - len(known), *await _articles(connection, ids, until))


async def _people(connection: AsyncConnection, known: Mapping[str, int], password: str) -> None:
    missing = [person for person in content.people() if person.username not in known]
    hashes = await asyncio.gather(*(hash_password(password) for _ in missing))
    rows = [
        {"username": p.username, "email": p.email, "bio": p.bio, "password_hash": hashed}
        for p, hashed in zip(missing, hashes, strict=True)
    ]
    await _add(connection, users, rows)


async def _ids(connection: AsyncConnection) -> dict[str, int]:
    emails = [person.email for person in content.people()]
    query = select(users.c.username, users.c.id).where(users.c.email.in_(emails))
    return {row.username: row.id for row in await connection.execute(query)}


async def _follows(connection: AsyncConnection, ids: Mapping[str, int]) -> None:
    rows = [
        {"follower_id": ids[follower], "followed_id": ids[followed]}
        for follower, followed in content.follows()
        if follower in ids and followed in ids
    ]
    await _add(connection, follows, rows)


async def _articles(
    connection: AsyncConnection, ids: Mapping[str, int], until: datetime
) -> tuple[int, int]:
    pieces = {p.slug: p for p in content.pieces(until) if p.author in ids}
    query = select(articles.c.slug).where(articles.c.slug.in_(pieces))
    for slug in await connection.scalars(query):
        del pieces[slug]
    await _add(connection, articles, [_row(piece, ids) for piece in pieces.values()])
    query = select(articles.c.slug, articles.c.id).where(articles.c.slug.in_(pieces))
    places = {row.slug: row.id for row in await connection.execute(query)}
    tagged, liked, said = [], [], []
    for slug, piece in pieces.items():
        at = {"article_id": places[slug]}
        tagged += [{**at, "tag": tag, "position": n} for n, tag in enumerate(piece.tags)]
        liked += [{**at, "user_id": ids[name]} for name in piece.liked_by if name in ids]
        said += [
            {
                **at,
                "author_id": ids[remark.author],
                "body": remark.body,
                "created_at": remark.at,
                "updated_at": remark.at,
            }
            for remark in piece.remarks
            if remark.author in ids
        ]
    await _add(connection, article_tags, tagged)
    await _add(connection, favorites, liked)
    await _add(connection, comments, said)
    return len(pieces), len(said)


def _row(piece: content.Piece, ids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "slug": piece.slug,
        "title": piece.title,
        "description": piece.summary,
        "body": piece.body,
        "author_id": ids[piece.author],
        "favorites_count": sum(name in ids for name in piece.liked_by),
        "created_at": piece.at,
        "updated_at": piece.at,
    }


async def _add(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    if rows:
        await connection.execute(insert(table).values(list(rows)).on_conflict_do_nothing())
