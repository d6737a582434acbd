"""The RealWorld API, under /api."""

from __future__ import annotations

from fastapi import APIRouter

from conduit.api import articles, comments, profiles, tags, users
from conduit.schemas import refusals

router = APIRouter(prefix="/api", responses=refusals(422))
for part in (users, profiles, articles, comments, tags):
    router.include_router(part.router)
