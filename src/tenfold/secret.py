"""Secrets as a type: masked wherever text is made of them, revealed by one explicit call."""

from __future__ import annotations

import secrets as _random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A password, key or URL that contains one.

    ``str()``, ``repr()`` and format strings show ``********``; only :meth:`reveal` gives the value.
    """

    _value: str

    def reveal(self) -> str:
        """The secret itself; call it only where it leaves Tenfold (a 0600 file, a socket)."""
        return self._value

    def __str__(self) -> str:
        return "********"

    def __repr__(self) -> str:
        return "Secret('********')"

    @classmethod
    def generate(cls, bytes_of_entropy: int = 24) -> Secret:
        """A fresh random secret, safe in URLs and in PostgreSQL string literals."""
        return cls(_random.token_urlsafe(bytes_of_entropy))
