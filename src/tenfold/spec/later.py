"""Keys of the design that this version does not carry out: refused, with when they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OF_1K: Final = "with the rest of stage 1k, in a later version"
COMES: Final[Mapping[tuple[str, ...], str]] = {
    ("database", "shard_by"): "comes with stage 1m",
    ("reads",): f"comes {OF_1K}",
    ("functions",): f"comes {OF_1K}",
    ("services",): "comes with stage 100k",
}


def when(path: tuple[str | int, ...]) -> str | None:
    """``"comes with stage 100k"`` for a key of the design that is not there yet, else ``None``."""
    return COMES.get(tuple(str(part) for part in path))
