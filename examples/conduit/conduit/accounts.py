"""Signing up, signing in and changing an account: the same for the API and the pages."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.access import Viewer
from conduit.database import Database
from conduit.errors import Unauthorized
from conduit.passwords import hash_password, password_fits
from conduit.schemas import Login, NewUser, UpdateUser
from conduit.store import Record, people


async def sign_up(database: Database, wanted: NewUser) -> Record:
    """Make an account. Raises Taken.

    The password is hashed before a connection is taken from the pool: hashing is slow on purpose.
    """
    password_hash = await hash_password(wanted.password)
    async with database.writing() as connection:
        return await people.create(connection, wanted.username, wanted.email, password_hash)


async def sign_in(database: Database, given: Login) -> Record:
    """The account that these credentials open. Raises Unauthorized."""
    async with database.reading() as connection:
        account = await people.by_email(connection, given.email)
    known = None if account is None else account.password_hash
    if not await password_fits(known, given.password) or account is None:
        raise Unauthorized("credentials", "invalid")
    return account


async def change(connection: AsyncConnection, viewer: Viewer, wanted: UpdateUser) -> Record:
    """Change what was sent, and only that. Empty texts become null. Raises Taken."""
    changes = wanted.sent()
    if "password" in changes:
        changes["password_hash"] = await hash_password(changes.pop("password"))
    for field in ("bio", "image"):
        if field in changes:
            changes[field] = changes[field] or None
    return await people.change(connection, viewer.id, viewer.sid, changes)
