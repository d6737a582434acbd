"""What the journal remembers of something that is under way, and which Tenfold wrote it. Pure.

A move may stay open for days, and Tenfold be exchanged meanwhile. What a newer one wrote may mean
what this one does not know, so it is refused by name instead of being half understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tenfold import __version__
from tenfold.errors import JournalError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA: Final = 1
"""One more whenever what is remembered is no longer what a version before would understand."""
_MARKS: Final = ("schema", "tenfold")

T = TypeVar("T", bound="DataclassInstance")


def to_json(value: DataclassInstance) -> dict[str, Any]:
    """Plain data for the journal, with schema and version."""
    return {"schema": SCHEMA, "tenfold": __version__, **asdict(value)}


def from_json(kind: type[T], data: Mapping[str, Any], what: str) -> T:
    """Read what :func:`to_json` wrote; data without a schema is of the first.

    Args:
        kind: what it is.
        data: from the journal.
        what: as people call it.

    Raises:
        JournalError: another Tenfold wrote it, and this one would misunderstand it.
    """
    own = {key: value for key, value in data.items() if key not in _MARKS}
    known = {f.name for f in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    schema = data.get("schema", SCHEMA)
    if schema == SCHEMA and needed <= own.keys() <= known:
        return kind(**own)
    version = data.get("tenfold")
    writer = f"Tenfold {version}" if version else "another version of Tenfold"
    raise JournalError(
        f"{what} was begun or changed by {writer}, and the journal has it in schema {schema};"
        f" this is Tenfold {__version__}, which knows schema {SCHEMA}",
        changed="nothing: whoever served goes on serving, and writes go where they went",
        next=f"use {writer}, or a newer one: it can finish that, and give it up",
    )
