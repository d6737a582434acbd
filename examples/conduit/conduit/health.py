"""Is this process able to do its work?"""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from conduit import __version__
from conduit.assets import static_url
from conduit.views import json_response

log = logging.getLogger("conduit.health")

router = APIRouter(include_in_schema=False)
PATIENCE_SECONDS = 2.0


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """200 when the database answers within PATIENCE_SECONDS, else 503."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with request.app.state.database.reading() as connection:
                await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        log.warning("unhealthy: %s", error)
        return json_response({"status": "the database does not answer"}, 503)
    return json_response({"status": "ok", "version": __version__})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """For those who ask without having read the page."""
    return RedirectResponse(static_url("favicon.svg"), 308)
