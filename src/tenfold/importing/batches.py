"""Rows of SQLite made into lines for PostgreSQL's COPY, a column of many rows at a time. Pure.

Most columns are of one type, whatever SQLite allows: then what is asked of each value is asked of
all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from tenfold.importing import kinds, tally
from tenfold.importing.json_text import NoJson
from tenfold.importing.misfit import Misfit, Taker, shown
from tenfold.importing.model import Column, Copy, Type
from tenfold.importing.values import canonical, taker

_NULL: Final = "\\N"
_SPECIAL: Final = re.compile(r"[\\\n\r\t]")
_MOMENTS: Final = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?\n)*"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NONE: Final = type(None)
Values = Sequence[Any]
Row = tuple[Any, ...]
AtOnce = Callable[[Values, set[type], Type], list[str] | None]
"""Texts for a column's values; ``None`` if they have to be looked at one by one."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that cannot be taken: in which row of the batch, of which column, and why not."""

    row: int
    column: str
    why: str
    value: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines for COPY, how many they are, and what they add to the table's digest.

    With ``unfit`` values in it there are no lines.
    """

    data: bytes
    rows: int
    digest: int
    unfit: tuple[Unfit, ...] = ()


@dataclass(slots=True)
class _Texts:
    """A column's values as text: for COPY, and in the form that is compared."""

    sent: list[str]
    told: list[str] | None


class Batches:
    """Makes rows of one table into blocks.

    Args:
        copy: says which columns, in the order of the rows' values.
        zone: of moments that do not say theirs.
    """

    def __init__(self, copy: Copy, zone: tzinfo) -> None:
        self._columns = [_Maker(pair.target, pair.source.name, zone) for pair in copy.pairs]
        self.compares = any(maker.compared for maker in self._columns)

    def block(self, rows: Sequence[Row]) -> Block:
        """Of rows as SQLite gives them."""
        unfit: list[Unfit] = []
        texts = [
            maker.texts(values, unfit)
            for maker, values in zip(self._columns, zip(*rows, strict=True), strict=True)
        ]
        if unfit:
            return Block(b"", len(rows), 0, tuple(unfit))
        lines = map("\t".join, zip(*(one.sent for one in texts), strict=True))
        data = ("\n".join(lines) + "\n").encode()
        told = [one.told for one in texts if one.told is not None]
        joined = map(tally.UNIT.join, zip(*told, strict=True))
        digest = tally.digest(line.encode() for line in joined) if told else 0
        return Block(data, len(rows), digest)


class _Maker:
    """One column's part."""

    def __init__(self, column: Column, named: str, zone: tzinfo) -> None:
        self._column = column
        self._named = named
        self._take = taker(column, zone)
        self._canonical = canonical(column.type)
        self._at_once = _at_once(column.type, zone)
        self.compared = tally.compared(column, "sqlite")

    def texts(self, values: Values, unfit: list[Unfit]) -> _Texts:
        """For values of many rows; what does not fit is added to ``unfit``."""
        types = set(map(type, values))
        if _NONE not in types:
            sent = self._sent(values, types, unfit)
            told = self._told(sent, values, unfit) if self.compared else None
            return _Texts(_escaped(sent), told)
        if self._column.not_null:
            self._refuse_nulls(values, unfit)
        sent = self._sent(values, types, unfit)
        told = list(self._told(sent, values, unfit)) if self.compared else None
        sent = list(_escaped(sent))
        for i, value in enumerate(values):
            if value is None:
                sent[i] = _NULL
                if told is not None:
                    told[i] = tally.NOTHING
        return _Texts(sent, told)

    def _sent(self, values: Values, types: set[type], unfit: list[Unfit]) -> list[str]:
        if self._at_once is not None:
            made = self._at_once(values, types - {_NONE}, self._column.type)
            if made is not None:
                return made
        return [
            "" if value is None else self._one(self._take, value, i, unfit)
            for i, value in enumerate(values)
        ]

    def _told(self, sent: list[str], values: Values, unfit: list[Unfit]) -> list[str]:
        if self._canonical is None:
            return sent
        told = {one.row for one in unfit if one.column == self._named}
        return [
            "" if value is None or i in told else self._one(self._canonical, text, i, unfit)
            for i, (text, value) in enumerate(zip(sent, values, strict=True))
        ]

    def _one(self, make: Taker, value: Any, row: int, unfit: list[Unfit]) -> str:
        try:
            return make(value)
        except (Misfit, NoJson) as why:
            unfit.append(Unfit(row, self._named, str(why), shown(value)))
            return ""

    def _refuse_nulls(self, values: Values, unfit: list[Unfit]) -> None:
        why = "is NULL, and the column takes none"
        unfit += (Unfit(i, self._named, why, "NULL") for i, v in enumerate(values) if v is None)


def _escaped(texts: list[str]) -> list[str]:
    """As COPY wants them; what COPY has no need to escape is most of what there is."""
    if _SPECIAL.search("".join(texts)) is None:
        return texts
    return [_escape(text) for text in texts]


def _escape(text: str) -> str:
    # Several replacements of one character each are far faster than str.translate.
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace("\r", "\\r").replace("\t", "\\t")


def _integers(values: Values, types: set[type], of: Type) -> list[str] | None:
    if types != {int}:
        return None
    least, most = kinds.bounds(of)
    present = [value for value in values if value is not None]
    if min(present) < least or max(present) > most:
        return None
    return ["" if value is None else str(value) for value in values]


def _booleans(values: Values, types: set[type], of: Type) -> list[str] | None:
    known = {0: "f", 1: "t", None: ""}
    if types != {int} or not known.keys() >= set(values):
        return None
    return [known[value] for value in values]


def _plain(values: Values, types: set[type], of: Type) -> list[str] | None:
    if types != {str}:
        return None
    texts = ["" if value is None else value for value in values]
    most = kinds.length(of)
    if most is not None and max(map(len, texts)) > most:
        return None
    together = "".join(texts)
    if "\0" in together or _SURROGATE.search(together):
        return None
    return texts


def _moments(values: Values, types: set[type], of: Type) -> list[str] | None:
    """For what Django and SQLAlchemy write; times are in UTC."""
    if types != {str} or of.modifier >= 0:
        return None
    present = [value for value in values if value is not None]
    if not _MOMENTS.fullmatch("\n".join((*present, ""))):
        return None
    try:
        for value in present:
            datetime.fromisoformat(value)
    except ValueError:
        return None
    end = "+00" if of.base == "timestamptz" else ""
    return [
        "" if value is None else (value.rstrip("0").rstrip(".") if "." in value else value) + end
        for value in values
    ]


def _at_once(of: Type, zone: tzinfo) -> AtOnce | None:
    if of.labels or (of.base == "timestamptz" and zone is not UTC):
        return None
    return _AT_ONCE.get(kinds.kind(of))


_AT_ONCE: Final[dict[str, AtOnce]] = {
    "integer": _integers,
    "boolean": _booleans,
    "text": _plain,
    "timestamp": _moments,
    "timestamptz": _moments,
}
