"""Password hashing: argon2id, off the event loop, a few at a time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# Each hash takes 19 MiB for some 20 ms: so many at once, and the others wait their turn.
AT_ONCE = 2


async def hash_password(password: str) -> str:
    """The argon2id hash of a password, salt and parameters included."""
    return await to_thread.run_sync(_hasher().hash, password, limiter=_limiter())


async def password_fits(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash.

    With None (nobody has that address) the same work is done and the answer is no: the time it
    takes does not tell who has an account.
    """
    known = password_hash is not None
    fits = await to_thread.run_sync(
        _verify, password_hash or _nobodys_hash(), password, limiter=_limiter()
    )
    return known and fits


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # on first use: keeps the start of a worker quick

    # OWASP's password storage cheat sheet: m=19 MiB, t=2, p=1.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(AT_ONCE)


def _verify(password_hash: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
