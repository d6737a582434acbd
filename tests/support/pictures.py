"""Pictures without a library: a PNG is a few lines."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 640, height: int = 400, shade: int = 0) -> bytes:
    """A sunrise of these pixels; another ``shade`` (0 to 255) is another picture."""
    rows = b"".join(
        b"\0" + bytes((200 - 90 * y // height, 90 + 100 * y // height, shade)) * width
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(kind, data) for kind, data in parts)


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
