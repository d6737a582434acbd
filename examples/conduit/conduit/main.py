"""The application: ``uvicorn conduit.main:app``."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.cors import CORSMiddleware

from conduit import __version__, api, health, pages, problems
from conduit.assets import STATIC_DIR
from conduit.database import BeforeLaunch, Database
from conduit.keys import KeyRing
from conduit.middleware import BodyLimit, HeadAsGet, NoNullBytes, SecurityHeaders
from conduit.pages.editor import UPLOAD_BYTES
from conduit.settings import Settings, cors_origins

log = logging.getLogger("conduit")

MAX_BODY_BYTES = 1024 * 1024


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool, and close it at the end. Raises SettingsError."""
    settings = Settings.from_env(before_launch=True)
    database = BeforeLaunch() if settings.database_url is None else Database(settings)
    app.state.settings = settings
    app.state.database = database
    app.state.keyring = KeyRing(database, settings.secret_key)
    try:
        await app.state.keyring.get()
    except (SQLAlchemyError, OSError) as error:
        # Not fatal: they are fetched when first needed, and /healthz tells how it stands.
        log.warning("starting without the keys in the database: %s", error)
    try:
        yield
    finally:
        await database.close()


def create_app() -> FastAPI:
    """Put the application together. Nothing is opened, read or written before it starts."""
    app = FastAPI(
        title="Conduit",
        summary="The RealWorld API",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # both load scripts from elsewhere; /docs is our own page
        redoc_url=None,
        strict_content_type=False,
    )
    app.include_router(health.router)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC_DIR), name="static")
    problems.install(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(NoNullBytes)
    app.add_middleware(BodyLimit, most=MAX_BODY_BYTES, more={"/editor": UPLOAD_BYTES})
    origins = cors_origins(os.environ)
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(SecurityHeaders)
    return app


app = create_app()
