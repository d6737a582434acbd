"""Does a stored SCRAM verifier belong to a password? Pure; RFC 5802, RFC 7677."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode

from tenfold.secret import Secret


def matches(verifier: str, password: Secret) -> bool:
    """Whether PostgreSQL's ``SCRAM-SHA-256$iterations:salt$stored:server`` was made of this.

    For ASCII passwords, on which SASLprep has nothing to do; Tenfold's are.
    """
    try:
        mechanism, parameters, keys = verifier.split("$")
        iterations, salt = parameters.split(":")
        stored = b64decode(keys.partition(":")[0])
        rounds, salt_bytes = int(iterations), b64decode(salt)
    except ValueError:
        return False
    if mechanism != "SCRAM-SHA-256":
        return False
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal().encode(), salt_bytes, rounds)
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(client).digest(), stored)
