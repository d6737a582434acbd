"""Lines of a dump's COPY blocks: which fields go where, and what they add to a digest. Pure.

They were written by PostgreSQL and are read by PostgreSQL, so they pass as they are, but for fields
that have nowhere to go.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Final

from tenfold.importing import kinds, moments, tally, values, values_numbers
from tenfold.importing.batches import Block
from tenfold.importing.model import Column

_UNIT: Final = tally.UNIT.encode()
_NOTHING: Final = tally.NOTHING.encode()
_NULL: Final = b"\\N"
_ESCAPED: Final = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_LETTERS: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
Same = Callable[[bytes], bytes]


class Lines:
    """Passes lines on.

    Args:
        columns: for every field of a line the column that takes it; ``None`` for none.
    """

    def __init__(self, columns: Sequence[Column | None]) -> None:
        taken = [i for i, column in enumerate(columns) if column is not None]
        self._kept = taken if len(taken) < len(columns) else None
        self._compared = [
            i for i in taken if (c := columns[i]) is not None and tally.compared(c, "dump")
        ]
        self.compares = bool(self._compared)
        found = {i: same(c) for i, c in enumerate(columns) if c is not None}
        self._same = {i: found[i] for i in self._compared if found[i] is not None}
        self._whole = len(self._compared) == len(columns) and not self._same

    def block(self, lines: Sequence[bytes]) -> Block:
        """Of lines without their ends."""
        try:
            return self._block(lines)
        except (IndexError, ValueError):  # PostgreSQL says which line is none, and why
            return Block(b"\n".join((*lines, b"")), len(lines), 0)

    def _block(self, lines: Sequence[bytes]) -> Block:
        told = map(self._told_whole if self._whole else self._told, lines)
        digest = tally.digest(told) if self._compared else 0
        sent: Iterable[bytes] = lines if self._kept is None else map(self._chosen, lines)
        return Block(b"\n".join((*sent, b"")), len(lines), digest)

    def _chosen(self, line: bytes) -> bytes:
        fields = line.split(b"\t")
        assert self._kept is not None
        return b"\t".join([fields[i] for i in self._kept])

    def _told_whole(self, line: bytes) -> bytes:
        escapes = line.count(b"\\")
        if escapes == line.count(_NULL):  # only NULLs have a backslash, or nothing has
            return line.replace(_NULL, _NOTHING).replace(b"\t", _UNIT)
        return _UNIT.join(map(_plain, line.split(b"\t")))

    def _told(self, line: bytes) -> bytes:
        fields = line.split(b"\t")
        return _UNIT.join([self._told_field(i, fields[i]) for i in self._compared])

    def _told_field(self, index: int, field: bytes) -> bytes:
        plain = _plain(field)
        if field == _NULL or index not in self._same:
            return plain
        same_ = self._same[index]
        assert same_ is not None
        return same_(plain)


def same(column: Column) -> Same | None:
    """What brings a field into the one form of :mod:`.tally`; ``None`` where it is in it."""
    match kinds.kind(column.type):
        case "boolean":
            return _boolean
        case "numeric":
            return _numeric
        case "float":
            code = ">f" if column.type.base == "float4" else ">d"
            return lambda field: _packed(field, code)
        case "timestamptz":
            return _in_utc
        case "network":
            return _network
        case "text" if column.type.base == "bpchar":
            return lambda field: field.rstrip(b" ")
    return None


def unescaped(field: bytes) -> bytes:
    """A field as COPY reads it."""
    return _ESCAPED.sub(_character, field) if b"\\" in field else field


def _plain(field: bytes) -> bytes:
    return _NOTHING if field == _NULL else unescaped(field)


def _character(found: re.Match[bytes]) -> bytes:
    if found[3] is not None:
        return _LETTERS.get(found[3], found[3])
    return bytes((int(found[1], 8) & 0xFF if found[1] else int(found[2], 16),))


def _boolean(field: bytes) -> bytes:
    return b"t" if field.lower() in (b"t", b"true", b"1", b"yes", b"y", b"on") else b"f"


def _numeric(field: bytes) -> bytes:
    return values_numbers.trimmed(field.decode()).encode()


def _packed(field: bytes, code: str) -> bytes:
    return struct.pack(code, float(field)).hex().encode()


def _in_utc(field: bytes) -> bytes:
    """Dumps have the zone of the session that made them."""
    if field.endswith(b"+00"):
        return field
    try:
        found = moments.in_utc(moments.moment(field.decode()), UTC)
    except ValueError:  # infinity, or before Christ: as it is
        return field
    return f"{moments.text_of(found)}+00".encode()


def _network(field: bytes) -> bytes:
    return values.address_bytes(field.decode()).encode()
