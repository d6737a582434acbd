"""Who is asking: the user behind an API token or a session cookie."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.store import people
from conduit.tokens import Claim

NOBODY = 0
"""The viewer's id when nobody is signed in: no user has it."""


@dataclass(frozen=True)
class Viewer:
    """The signed-in user, and the session or token that says so."""

    id: int
    username: str
    email: str
    bio: str | None
    image: str | None
    epoch: int
    sid: str


async def viewer_of(connection: AsyncConnection, claim: Claim | None) -> Viewer | None:
    """The user whom the claim names; None when there is none, or when the password was changed
    since, and not by this session."""
    row = None if claim is None else await people.by_id(connection, claim.user_id)
    if claim is None or row is None:
        return None
    if claim.epoch != row.epoch and claim.sid != row.trusted_sid:
        return None
    return Viewer(row.id, row.username, row.email, row.bio, row.image, row.epoch, claim.sid)


def id_of(viewer: Viewer | None) -> int:
    """The viewer's id, NOBODY for none."""
    return NOBODY if viewer is None else viewer.id
