"""People: accounts, profiles, and who follows whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Exists,
    ScalarSelect,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.errors import Invalid, NotFound, Taken
from conduit.store import Query, Record
from conduit.tables import follows, users

_ACCOUNT = (
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.bio,
    users.c.image,
    users.c.epoch,
    users.c.trusted_sid,
)


async def by_id(connection: AsyncConnection, user_id: int) -> Record | None:
    """The account with this id."""
    return (await connection.execute(_account(), {"id": user_id})).first()


async def by_email(connection: AsyncConnection, email: str) -> Record | None:
    """The account with this address, and its password hash."""
    query = select(*_ACCOUNT, users.c.password_hash).where(
        func.lower(users.c.email) == func.lower(email)
    )
    return (await connection.execute(query)).first()


async def create(
    connection: AsyncConnection, username: str, email: str, password_hash: str
) -> Record:
    """Store a new account. Raises Taken."""
    values = {"username": username, "email": email, "password_hash": password_hash}
    async with _names_told_apart(connection):
        result = await connection.execute(insert(users).values(values).returning(*_ACCOUNT))
    return result.one()


async def change(
    connection: AsyncConnection, user_id: int, sid: str, changes: dict[str, Any]
) -> Record:
    """Change an account (columns by name). A new password ends all other sessions than the one
    that makes the change. Raises Taken."""
    statement = (
        update(users)
        .where(users.c.id == user_id)
        .values(updated_at=func.clock_timestamp(), **changes)
        .returning(*_ACCOUNT)
    )
    if "password_hash" in changes:
        statement = statement.values(epoch=users.c.epoch + 1, trusted_sid=sid)
    async with _names_told_apart(connection):
        return (await connection.execute(statement)).one()


async def profile(connection: AsyncConnection, username: str, viewer: int) -> Record:
    """Somebody, as the viewer sees them. Raises NotFound."""
    parameters = {"username": username, "viewer": viewer}
    row = (await connection.execute(_profile(), parameters)).first()
    if row is None:
        raise NotFound("profile")
    return row


async def follow(connection: AsyncConnection, follower: int, followed: int) -> None:
    """Follow somebody; once more changes nothing. Raises Invalid for oneself."""
    if follower == followed:
        raise Invalid({"profile": ["can't be followed by itself"]})
    offer = insert(follows).values(follower_id=follower, followed_id=followed)
    await connection.execute(offer.on_conflict_do_nothing())


async def unfollow(connection: AsyncConnection, follower: int, followed: int) -> None:
    """Stop following somebody; once more changes nothing."""
    await connection.execute(
        delete(follows).where(follows.c.follower_id == follower, follows.c.followed_id == followed)
    )


def user_id_of(parameter: str) -> ScalarSelect[Any]:
    """The id of the user whose name is in a parameter, for use in other statements."""
    return select(users.c.id).where(_named(parameter)).scalar_subquery()


def is_followed() -> Exists:
    """Whether the viewer (a parameter) follows the user of the row."""
    return (
        select(follows.c.follower_id)
        .where(follows.c.followed_id == users.c.id, follows.c.follower_id == bindparam("viewer"))
        .exists()
    )


def _named(parameter: str) -> ColumnElement[bool]:
    return func.lower(users.c.username) == func.lower(bindparam(parameter))


@lru_cache
def _account() -> Query:
    return select(*_ACCOUNT).where(users.c.id == bindparam("id"))


@lru_cache
def _profile() -> Query:
    columns = (users.c.id, users.c.username, users.c.bio, users.c.image, users.c.created_at)
    return select(*columns, is_followed().label("following")).where(_named("username"))


@asynccontextmanager
async def _names_told_apart(connection: AsyncConnection) -> AsyncIterator[None]:
    """Say which of the two unique names was taken; the transaction around stays usable."""
    try:
        async with connection.begin_nested():
            yield
    except IntegrityError as error:
        constraint = str(error.orig)
        for field in ("username", "email"):
            if f"uq_users_{field}_lower" in constraint:
                raise Taken(field) from error
        raise
