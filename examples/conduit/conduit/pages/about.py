"""What this is and who it is for: a page that needs nothing but itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from conduit.pages.render import html

router = APIRouter()


@router.get("/about")
async def about(request: Request) -> Response:
    """The same for everybody, signed in or not, and before there is anything to sign in to."""
    return html(request, "about.html", {"viewer": None}, 200)
