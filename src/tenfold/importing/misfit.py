"""Values of SQLite's that a column of PostgreSQL's cannot take. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Value = str | int | float | bytes
Taker = Callable[[Any], str]
"""Makes PostgreSQL's text of a value, or raises :class:`Misfit`."""
_SHOWN: Final = 40


class Misfit(ValueError):
    """A value that a column cannot take, with the reason as its text."""


def shown(value: object) -> str:
    """A value as an error may quote it: short."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
