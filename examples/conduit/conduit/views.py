"""Rows of the database as the objects of the API, and those as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Response

from conduit.access import Viewer
from conduit.store import Record


def json_response(content: Any, status: int = 200) -> Response:
    """A JSON response, encoded in one go."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as JavaScript writes it: 2026-11-22T09:30:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def user(row: Record | Viewer, token: str) -> dict[str, Any]:
    """The signed-in user, with the token to use from now on."""
    return {
        "email": row.email,
        "token": token,
        "username": row.username,
        "bio": row.bio or "",
        "image": row.image or "",
    }


def profile(row: Record) -> dict[str, Any]:
    """Somebody, as the viewer sees them."""
    return {
        "username": row.username,
        "bio": row.bio or "",
        "image": row.image or "",
        "following": row.following,
    }


def listed_article(row: Record) -> dict[str, Any]:
    """An article in a list: without its body."""
    return {
        "slug": row.slug,
        "title": row.title,
        "description": row.description,
        "tagList": row.tags,
        "createdAt": timestamp(row.created_at),
        "updatedAt": timestamp(row.updated_at),
        "favorited": row.favorited,
        "favoritesCount": row.favorites_count,
        "author": profile(row),
    }


def article(row: Record) -> dict[str, Any]:
    """An article by itself."""
    return {**listed_article(row), "body": row.body}


def comment(row: Record) -> dict[str, Any]:
    """A comment, as the viewer sees it."""
    return {**_remark(row), "author": profile(row)}


def own_comment(row: Record, viewer: Viewer) -> dict[str, Any]:
    """A comment that the viewer has just written; nobody follows themselves."""
    author = {"username": viewer.username, "bio": viewer.bio or "", "image": viewer.image or ""}
    return {**_remark(row), "author": {**author, "following": False}}


def articles(rows: Sequence[Record], total: int) -> dict[str, Any]:
    """A page of a list of articles, and how many there are in all."""
    return {"articles": [listed_article(row) for row in rows], "articlesCount": total}


def _remark(row: Record) -> dict[str, Any]:
    return {
        "id": row.id,
        "createdAt": timestamp(row.created_at),
        "updatedAt": timestamp(row.updated_at),
        "body": row.body,
    }
