"""The secret from which every signature comes, and the keys derived from it.

With ``SECRET_KEY`` in the environment that is the secret. Without it the app makes one the first
time it runs and keeps it in the table ``app_secrets``: all worker processes, and the next release,
find the same one there, so that nobody is signed out by a restart. Whoever can read the database
can then sign sessions; set ``SECRET_KEY`` where that is a difference.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from conduit.database import BeforeLaunch, Database
from conduit.tables import app_secrets

SECRET_NAME = "secret_key"


@dataclass(frozen=True, repr=False)
class Keys:
    """One key per purpose, so that a signature made for one is worth nothing for another."""

    api_token: bytes
    session: bytes
    csrf: bytes

    @classmethod
    def derive(cls, secret: str) -> Keys:
        """Derive the keys from the app's secret."""
        return cls(*(_subkey(secret, purpose) for purpose in ("api-token", "session", "csrf")))


class KeyRing:
    """Finds the keys when they are first needed, then remembers them."""

    def __init__(self, database: Database | BeforeLaunch, secret_key: str | None) -> None:
        self._database = database
        self._keys = None if secret_key is None else Keys.derive(secret_key)

    async def get(self) -> Keys:
        """The keys. Raises SQLAlchemy's errors when they are in the database and it is away."""
        if self._keys is None:
            self._keys = Keys.derive(await _stored_secret(self._database))
        return self._keys


async def _stored_secret(database: Database | BeforeLaunch) -> str:
    query = select(app_secrets.c.value).where(app_secrets.c.name == SECRET_NAME)
    async with database.reading() as connection:
        found: str | None = await connection.scalar(query)
        if found is not None:
            return found
        # Several workers may come here at once: one insert wins, and all of them read the winner's.
        offer = insert(app_secrets).values(name=SECRET_NAME, value=secrets.token_urlsafe(48))
        await connection.execute(offer.on_conflict_do_nothing())
        secret: str = (await connection.execute(query)).scalar_one()
        return secret


def _subkey(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), b"conduit:" + purpose.encode(), hashlib.sha256)
