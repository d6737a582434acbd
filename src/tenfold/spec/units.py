"""Durations and sizes as people write them: ``"250ms"``, ``"30s"``, ``"100MB"``.

A bare number is refused: nobody should have to guess what ``timeout = 30`` counts.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

MAX_SECONDS: Final = 86_400.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?) *(ms|s|m|h)")
_SECONDS_PER = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONG = re.compile(r"(\d+(?:\.\d+)?) *(m|h|d)")
_SECONDS_PER_LONG = {"m": 60.0, "h": 3600.0, "d": MAX_SECONDS}
_SIZE = re.compile(r"(\d+) *(B|kB|KB|KiB|MB|MiB|GB|GiB)")
_BYTES_PER = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
}


def seconds(text: Any) -> float:
    """``"250ms"``, ``"30s"``, ``"5m"`` or ``"1h"``, in seconds.

    Raises:
        ValueError: anything else; the text says what to write instead.
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{_shown(text)} is not a duration: {_hint(text, 's', '5m')}")
    return float(found[1]) * _SECONDS_PER[found[2]]


def long_seconds(text: Any) -> float:
    """``"90m"``, ``"24h"`` or ``"14d"``, in seconds.

    Raises:
        ValueError: anything else; the text says what to write instead.
    """
    found = _LONG.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{_shown(text)} is not a duration: {_hint(text, 'h', '14d')}")
    return float(found[1]) * _SECONDS_PER_LONG[found[2]]


def size_in_bytes(text: Any) -> int:
    """``"64KiB"`` or ``"100MB"``, in bytes; ``k``, ``M`` and ``G`` count in thousands.

    Raises:
        ValueError: anything else; the text says what to write instead.
    """
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{_shown(text)} is not a size: {_hint(text, 'MB', '64KiB')}")
    return int(found[1]) * _BYTES_PER[found[2]]


def at_most_a_day(value_seconds: float) -> float:
    """A duration that somebody may really wait for; longer ones are slips of the keyboard.

    Raises:
        ValueError: it is longer than 24 hours.
    """
    if value_seconds > MAX_SECONDS:
        raise ValueError('is longer than a day; write at most "24h"')
    return value_seconds


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _hint(value: Any, unit: str, other: str) -> str:
    digits = str(value).strip()
    if digits.isdigit():
        return f'say the unit, for example "{digits}{unit}"'
    return f'write for example "30{unit}" or "{other}"'


DURATION_PATTERN: Final = rf"^{_DURATION.pattern}$"
SIZE_PATTERN: Final = rf"^{_SIZE.pattern}$"

Seconds = Annotated[
    float,
    BeforeValidator(seconds),
    Field(ge=0),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
LongSeconds = Annotated[
    float,
    BeforeValidator(long_seconds),
    Field(ge=0),
    WithJsonSchema({"type": "string", "pattern": rf"^{_LONG.pattern}$"}),
]
WaitSeconds = Annotated[Seconds, AfterValidator(at_most_a_day)]
Bytes = Annotated[
    int,
    BeforeValidator(size_in_bytes),
    Field(ge=0),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]
