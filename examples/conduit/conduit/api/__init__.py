"""The RealWorld API, under /api."""

from __future__ import annotations

from fastapi import APIRouter

from conduit.api import articles, comments, profiles, tags, users
from conduit.schemas import ErrorResponse

router = APIRouter(
    prefix="/api",
    responses={422: {"model": ErrorResponse, "description": "What was sent cannot be accepted"}},
)
for part in (users, profiles, articles, comments, tags):
    router.include_router(part.router)
