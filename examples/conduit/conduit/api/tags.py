"""Tags."""

from __future__ import annotations

from fastapi import APIRouter, Response

from conduit import views
from conduit.database import Reading
from conduit.schemas import TagsResponse
from conduit.store import articles

router = APIRouter(tags=["Tags"])


@router.get("/tags", response_model=TagsResponse)
async def tags(connection: Reading) -> Response:
    """The tags in use, those with most articles first."""
    return views.json_response({"tags": await articles.popular_tags(connection)})
