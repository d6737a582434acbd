"""The versioned document that says to a running app where everything is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

FORMAT = 1


@dataclass(frozen=True)
class Database:
    """Where one database cluster is reached, without its password."""

    host: str
    port: int
    name: str
    user: str

    def url(self, password: str, *, user: str | None = None) -> str:
        """A ``postgresql://`` URL; keep it out of logs and argument lists."""
        who = f"{quote(user or self.user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{who}@{self.host}:{self.port}/{quote(self.name, safe='')}"


@dataclass(frozen=True)
class Redis:
    """Where the Redis-compatible server is reached, without its password."""

    host: str
    port: int

    def url(self, password: str) -> str:
        """A ``redis://`` URL of its first database; keep it out of logs and argument lists."""
        return f"redis://:{quote(password, safe='')}@{self.host}:{self.port}/0"


@dataclass(frozen=True)
class Document:
    """Where everything is, at one version; a higher version replaces a lower one.

    ``url`` is where people find the site; ``urls`` maps each edge, as
    ``host/unit``, to where it listens.
    ``endpoints`` maps ``host/unit`` or ``host/pool`` to ``address:port``.
    """

    app: str
    stage: str
    version: int = 1
    release: str | None = None
    url: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)
    redis: Redis | None = None
    urls: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """One JSON object, keys sorted, so that equal documents are equal texts."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True)


def from_json(text: str) -> Document:
    """Read what :meth:`Document.to_json` wrote.

    Raises:
        ValueError: not such a document, or of a newer format.
    """
    data: Any = json.loads(text)
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise ValueError(f"not a wiring document of format {FORMAT}")
    databases = {name: Database(**value) for name, value in data.pop("databases").items()}
    redis = data.pop("redis", None)
    return Document(
        databases=databases,
        redis=Redis(**redis) if redis else None,
        **data,
    )


def environment(document: Document, passwords: Mapping[str, str]) -> dict[str, str]:
    """What an unmodified app reads.

    Args:
        document: where everything is.
        passwords: the app's, by database cluster; that of the Redis-compatible server by ``redis``.

    ``DATABASE_URL`` is the main database; the ``PG*`` names of libpq are deliberately not set: they
    would leak into every client library of the app.
    """
    env = {
        "TENFOLD_APP": document.app,
        "TENFOLD_STAGE": document.stage,
        "TENFOLD_RELEASE": document.release or "",
        "TENFOLD_URL": document.url or "",
    }
    for name, database in document.databases.items():
        key = "DATABASE_URL" if name == "main" else f"DATABASE_URL_{name.upper()}"
        env[key] = database.url(passwords[name])
    if document.redis is not None:
        env["REDIS_URL"] = document.redis.url(passwords["redis"])
    return env
