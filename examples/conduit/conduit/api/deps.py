"""What the routes of the API ask for: the viewer, and which part of a list."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit import tokens
from conduit.access import Viewer, viewer_of
from conduit.database import Reading, Writing
from conduit.errors import Unauthorized

MOST_AT_ONCE = 100
SCHEMES = ("token", "bearer")


def presented_token(request: Request) -> str | None:
    """The token in ``Authorization: Token <jwt>`` (or Bearer), None when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() in SCHEMES and token else None


async def _viewer(request: Request, connection: AsyncConnection) -> Viewer | None:
    token = presented_token(request)
    if token is None:
        return None
    keys = await request.app.state.keyring.get()
    viewer = await viewer_of(connection, tokens.read(keys.api_token, token))
    if viewer is None:
        raise Unauthorized("token", "is invalid")
    return viewer


async def _maybe(request: Request, connection: Reading) -> Viewer | None:
    return await _viewer(request, connection)


async def _reader(request: Request, connection: Reading) -> Viewer:
    return _required(await _viewer(request, connection))


async def _writer(request: Request, connection: Writing) -> Viewer:
    return _required(await _viewer(request, connection))


def _required(viewer: Viewer | None) -> Viewer:
    if viewer is None:
        raise Unauthorized("token", "is missing")
    return viewer


# Each shares its connection with the route: one connection per request.
MaybeViewer = Annotated[Viewer | None, Depends(_maybe)]
ReadingViewer = Annotated[Viewer, Depends(_reader)]
WritingViewer = Annotated[Viewer, Depends(_writer)]

Limit = Annotated[int, Query(ge=1, description=f"At most {MOST_AT_ONCE} are given at once.")]
Offset = Annotated[int, Query(ge=0, le=2**31)]


async def api_token(request: Request, user_id: int, epoch: int) -> str:
    """A new API token for this user."""
    keys = await request.app.state.keyring.get()
    return tokens.sign(keys.api_token, user_id, epoch)
