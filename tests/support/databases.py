"""Apps that reach PostgreSQL in every usual way: ``tests/apps/databases``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PACKAGES = (
    "uvicorn[standard]==0.*",
    "gunicorn==27.*",
    "starlette==1.*",
    "django==5.*",
    "sqlalchemy[asyncio]==2.*",
    "asyncpg==0.*",
    "psycopg[binary,pool]==3.*",
    "psycopg2-binary==2.*",
    "waitress==3.*",
)


@dataclass(frozen=True)
class Driver:
    """One way. ``library`` is what a refresh finds, if it does, ``None`` where that is by chance;
    ``breaks``: left alone, requests fail after a failover; ``known``: none do after a refresh."""

    name: str
    settings: dict[str, Any]
    library: str | None = ""
    breaks: bool = False
    known: bool = True

    def __str__(self) -> str:
        return f"{self.name}-{self.settings['server']}"


WSGI = {"server": "gunicorn", "entry": "wsgi_app:app", "workers": 1, "threads": 4}
SYNC = {"server": "gunicorn", "entry": "wsgi_app:app", "workers": 2}
DJANGO = {**WSGI, "entry": "django_app:app"}
ASGI = {"server": "uvicorn", "entry": "asgi_app:app", "interface": "asgi"}
DJANGO_ASGI = {**ASGI, "entry": "django_app:asgi"}

_WORDS = "{python} -m waitress --host $HOST --port {port} wsgi_app:app"
WAITRESS = {"server": "command", "entry": "", "command": tuple(_WORDS.split())}

KINDS = (
    Driver("plain", WSGI),
    Driver("one-per-thread", WSGI, breaks=True, known=False),
    Driver("psycopg_pool", WSGI, "psycopg_pool", breaks=True),
    Driver("psycopg_pool", SYNC, "psycopg_pool", breaks=True),
    Driver("psycopg_pool", WAITRESS, breaks=True, known=False),
    Driver("plain", WAITRESS),
    Driver("psycopg2-pool", WSGI, "psycopg2", breaks=True),
    Driver("sqlalchemy-psycopg", WSGI, "sqlalchemy", breaks=True),
    Driver("sqlalchemy-psycopg2", WSGI, "sqlalchemy", breaks=True),
    Driver("sqlalchemy-pinging", WSGI, "sqlalchemy"),
    Driver("django", DJANGO),
    Driver("django-aged", DJANGO, "django", breaks=True),
    Driver("django-kept", DJANGO, "django", breaks=True),
    Driver("django-healthy", DJANGO, "django"),
    Driver("django-pool", DJANGO, "psycopg_pool", breaks=True),
    Driver("django-kept", DJANGO_ASGI, None),  # each request has a thread of its own
    Driver("async-plain", ASGI),
    Driver("asyncpg", ASGI, "asyncpg"),
    Driver("psycopg-async-pool", ASGI, "psycopg_pool", breaks=True),
    Driver("sqlalchemy-asyncpg", ASGI, "sqlalchemy", breaks=True),
    Driver("sqlalchemy-async-psycopg", ASGI, "sqlalchemy", breaks=True),
    Driver("sqlalchemy-async-pinging", ASGI, "sqlalchemy"),
)
