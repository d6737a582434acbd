"""What the environment says about this process: read once, checked, then frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url

DRIVER = "postgresql+psycopg"
MIN_SECRET_LENGTH = 16


class SettingsError(RuntimeError):
    """An environment variable is missing or cannot be used; the text names it."""


@dataclass(frozen=True)
class Settings:
    """Everything the app takes from its environment.

    ``secret_key`` may be None: the app then keeps one of its own in the database, which all worker
    processes share (see keys.py). ``prepare_threshold`` is psycopg's: the number of executions
    after which a statement is prepared on the server, None for never (for transaction poolers).
    ``database_url`` is None before the launch: there are a landing page and an about page then.
    """

    database_url: URL | None
    secret_key: str | None = None
    media_dir: Path = Path("media")
    pool_size: int = 5
    pool_overflow: int = 10
    prepare_threshold: int | None = 5
    cookie_secure: bool | None = None
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def from_env(
        cls, env: Mapping[str, str] | None = None, *, before_launch: bool = False
    ) -> Settings:
        """Read the settings; before the launch there need be no database.

        Raises SettingsError for a value that is missing or not usable.
        """
        env = os.environ if env is None else env
        without = before_launch and not env.get("DATABASE_URL", "").strip()
        return cls(
            database_url=None if without else database_url(env),
            secret_key=_secret_key(env),
            media_dir=Path(env.get("MEDIA_DIR") or "media"),
            pool_size=_integer(env, "DB_POOL_SIZE", 5),
            pool_overflow=_integer(env, "DB_POOL_OVERFLOW", 10),
            prepare_threshold=_prepare_threshold(env),
            cookie_secure=_switch(env, "COOKIE_SECURE"),
            cors_origins=cors_origins(env),
        )

    def connect_args(self) -> dict[str, Any]:
        """What psycopg gets on top of the URL; a connect_timeout (seconds) in the URL wins."""
        args: dict[str, Any] = {"prepare_threshold": self.prepare_threshold}
        if self.database_url is not None and "connect_timeout" not in self.database_url.query:
            args["connect_timeout"] = 5
        return args


def database_url(env: Mapping[str, str]) -> URL:
    """DATABASE_URL with our driver, whichever of the usual spellings it came in."""
    text = env.get("DATABASE_URL", "").strip()
    if not text:
        raise SettingsError(
            "DATABASE_URL is not set. Example: DATABASE_URL=postgresql://me:secret@localhost/conduit"
        )
    # The scheme is replaced as text: SQLAlchemy does not know "postgres://".
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise SettingsError("DATABASE_URL must begin with postgresql:// or postgres://")
    return make_url(f"{DRIVER}://{rest}")


def cors_origins(env: Mapping[str, str]) -> tuple[str, ...]:
    """The other sites whose scripts may call the API (comma separated), none by default."""
    return tuple(o.strip() for o in env.get("CORS_ORIGINS", "").split(",") if o.strip())


def _secret_key(env: Mapping[str, str]) -> str | None:
    key = env.get("SECRET_KEY") or None
    if key is not None and len(key) < MIN_SECRET_LENGTH:
        raise SettingsError(f"SECRET_KEY is shorter than {MIN_SECRET_LENGTH} characters")
    return key


def _prepare_threshold(env: Mapping[str, str]) -> int | None:
    if env.get("DB_PREPARE_THRESHOLD", "").lower() in ("none", "off", "never"):
        return None
    return _integer(env, "DB_PREPARE_THRESHOLD", 5)


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise SettingsError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _switch(env: Mapping[str, str], name: str) -> bool | None:
    text = env.get(name, "").lower()
    if text in ("", "auto"):
        return None
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise SettingsError(f"{name} must be true, false or auto, not {text!r}")
