"""Profiles, and following."""

from __future__ import annotations

from fastapi import APIRouter, Response

from conduit import views
from conduit.access import id_of
from conduit.api.deps import MaybeViewer, WritingViewer
from conduit.database import Reading, Writing
from conduit.schemas import ProfileResponse, refusals
from conduit.store import people

router = APIRouter(tags=["Profile"], prefix="/profiles/{username}")


@router.get("", response_model=ProfileResponse, responses=refusals(401, 404))
async def profile(username: str, viewer: MaybeViewer, connection: Reading) -> Response:
    """Somebody's profile."""
    found = await people.profile(connection, username, id_of(viewer))
    return views.json_response({"profile": views.profile(found)})


@router.post("/follow", response_model=ProfileResponse, responses=refusals(401, 404))
async def follow(username: str, viewer: WritingViewer, connection: Writing) -> Response:
    """Follow somebody."""
    found = await people.profile(connection, username, viewer.id)
    await people.follow(connection, viewer.id, found.id)
    return views.json_response({"profile": {**views.profile(found), "following": True}})


@router.delete("/follow", response_model=ProfileResponse, responses=refusals(401, 404))
async def unfollow(username: str, viewer: WritingViewer, connection: Writing) -> Response:
    """Stop following somebody."""
    found = await people.profile(connection, username, viewer.id)
    await people.unfollow(connection, viewer.id, found.id)
    return views.json_response({"profile": {**views.profile(found), "following": False}})
