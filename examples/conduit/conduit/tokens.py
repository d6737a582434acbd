"""What the app signs: API tokens, session cookies, and the tokens that protect forms."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

import jwt

ALGORITHM = "HS256"
LIFETIME_SECONDS = 30 * 24 * 3600
_SALT_BYTES = 12


@dataclass(frozen=True)
class Claim:
    """Who a token speaks for; ``epoch`` must still be the user's, ``sid`` names the session."""

    user_id: int
    epoch: int
    sid: str


def sign(key: bytes, user_id: int, epoch: int, sid: str | None = None) -> str:
    """A JSON web token for this user, good for LIFETIME_SECONDS."""
    now = int(time.time())
    claims = {
        "sub": str(user_id),
        "epoch": epoch,
        "sid": sid or secrets.token_urlsafe(12),
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM)


def read(key: bytes, token: str) -> Claim | None:
    """The claim in a token; None when it is not ours, was changed, or is too old."""
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], options={"require": ["sub", "exp"]})
        return Claim(int(claims["sub"]), int(claims["epoch"]), str(claims["sid"]))
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
        return None


def form_token(key: bytes, sid: str) -> str:
    """A token for a form in this session. Salted: no two are alike, so that compression of a page
    over TLS does not leak it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return base64.urlsafe_b64encode(salt + _form_mac(key, salt, sid)).decode()


def form_token_fits(key: bytes, sid: str, token: str) -> bool:
    """Whether the token was made by form_token for this session."""
    try:
        raw = base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        return False
    salt, mac = raw[:_SALT_BYTES], raw[_SALT_BYTES:]
    return hmac.compare_digest(mac, _form_mac(key, salt, sid))


def _form_mac(key: bytes, salt: bytes, sid: str) -> bytes:
    return hmac.digest(key, salt + sid.encode(), hashlib.sha256)
