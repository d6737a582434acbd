"""Passwords as every ``crypt`` of Linux checks them, nginx's included: ``$6$rounds=N$salt$...``.

The algorithm is the one of Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512", version 0.6.
Python has no ``crypt`` of its own any more, and ``openssl passwd`` would be a process a password.
"""

from __future__ import annotations

import hashlib

ROUNDS = 1000
"""The fewest that the scheme allows. nginx checks the password at every request, for files too, and
does nothing else meanwhile."""

LONGEST_PASSWORD_BYTES = 256
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def sha512_crypt(password: str, salt: str, rounds: int = ROUNDS) -> str:
    """The hash of a password with a salt of up to 16 letters of ``./0-9A-Za-z``.

    Raises:
        ValueError: the password is longer than 256 bytes.
    """
    secret, salted = password.encode(), salt[:16].encode()
    if len(secret) > LONGEST_PASSWORD_BYTES:
        raise ValueError(f"a password of more than {LONGEST_PASSWORD_BYTES} bytes")
    digest = _first(secret, salted)
    p = _stretched(_sha(secret * len(secret)), len(secret))
    s = _stretched(_sha(salted * (16 + digest[0])), len(salted))
    for turn in range(rounds):
        odd = turn % 2
        parts = [p if odd else digest]
        parts += [s] if turn % 3 else []
        parts += [p] if turn % 7 else []
        parts += [digest if odd else p]
        digest = _sha(b"".join(parts))
    return f"$6$rounds={rounds}${salted.decode()}${_written(digest)}"


def _first(secret: bytes, salt: bytes) -> bytes:
    other = _sha(secret + salt + secret)
    text = secret + salt + _stretched(other, len(secret))
    bits = len(secret)
    while bits:
        text += other if bits & 1 else secret
        bits >>= 1
    return _sha(text)


def _sha(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def _stretched(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _written(digest: bytes) -> str:
    letters = []
    first, second, third = 0, 21, 42
    for _ in range(21):
        letters.append(_letters(digest[first] << 16 | digest[second] << 8 | digest[third], 4))
        first, second, third = second + 1, third + 1, first + 1
    letters.append(_letters(digest[63], 2))
    return "".join(letters)


def _letters(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> (6 * place) & 63] for place in range(count))
