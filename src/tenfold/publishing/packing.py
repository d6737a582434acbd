"""Manifests on their way: packed, and unpacked without trusting whoever packed them. Pure."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

MOST_BYTES: Final = 256 << 20
"""More than 200,000 files with the longest of names."""
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def packed(content: bytes) -> bytes:
    """The content, smaller; the same for the same content."""
    return gzip.compress(content, mtime=0)


def unpacked(content: bytes, most: int = MOST_BYTES) -> bytes:
    """What was packed.

    Raises:
        ValueError: it is damaged, or longer than any manifest.
    """
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        found = unpacking.decompress(content, most)
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from None
    if not unpacking.eof:
        raise ValueError(
            "it is longer than any manifest" if len(found) >= most else "its end lacks"
        )
    return found
