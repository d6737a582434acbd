"""Notes: a notebook for everybody who signs up."""

from __future__ import annotations

import os

from flask import Flask, Response
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from sqlalchemy import text

from notes import accounts, pages
from notes.models import db

__version__ = "1.0.0"

# Nothing inline, nothing from elsewhere.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def create_app() -> Flask:
    """The app, configured by the environment; README.md lists what it can say."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = database_uri()
    # A connection that has died meanwhile, as after a move of the database, is replaced unnoticed.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_COOKIE_SECURE"] = os.environ.get("COOKIE_SECURE") == "1"
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024

    db.init_app(app)
    Migrate(app, db)
    CSRFProtect(app)
    app.register_blueprint(accounts.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_error_handler(404, pages.not_found)

    @app.get("/healthz")
    def healthz() -> str:
        """200 when the database answers."""
        db.session.execute(text("SELECT 1"))
        return "ok\n"

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return app


def database_uri() -> str:
    """DATABASE_URL with the driver's name in it, as SQLAlchemy wants it; else a file."""
    url = os.environ.get("DATABASE_URL", "sqlite:///notes.db")
    scheme, separator, rest = url.partition("://")
    driver = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
    return driver.get(scheme, scheme) + separator + rest
