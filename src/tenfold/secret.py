"""Secrets as a type: masked wherever text is made of them, revealed by one explicit call."""

from __future__ import annotations

import hmac
import secrets as _random


class Secret:
    """A password, key or URL that contains one.

    ``str()``, ``repr()`` and format strings show ``********``; only :meth:`reveal` gives the value.
    Deliberately not a dataclass: ``dataclasses.asdict`` would open it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; call it only where it leaves Tenfold (a 0600 file, a socket)."""
        return self._value

    def masked_in(self, text: str) -> str:
        """``text`` without the secret; one of three characters or less would mask other words."""
        return text.replace(self._value, str(self)) if len(self._value) > 3 else text

    def __str__(self) -> str:
        return "********"

    def __repr__(self) -> str:
        return "Secret('********')"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def generate(cls, bytes_of_entropy: int = 24) -> Secret:
        """A fresh random secret, safe in URLs and in PostgreSQL string literals."""
        return cls(_random.token_urlsafe(bytes_of_entropy))
