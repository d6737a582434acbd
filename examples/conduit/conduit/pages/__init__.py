"""The pages that people use. Everything on them works without JavaScript."""

from __future__ import annotations

from fastapi import APIRouter

from conduit.pages import about, account, article, editor, home, picture, profile, reference

router = APIRouter(include_in_schema=False)
for part in (home, about, article, editor, profile, account, picture, reference):
    router.include_router(part.router)
