"""Values that do not fit, gathered into a few lines that name them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tenfold.importing.batches import Unfit
from tenfold.importing.model import Copy
from tenfold.importing.names import quoted

MOST: Final = 20
_EACH: Final = 3


@dataclass
class _Same:
    """Values of one column that do not fit for one reason."""

    repair: str | None
    where: list[str] = field(default_factory=list)
    rows: int = 0


class Unfits:
    """What was found, by column and reason."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], _Same] = {}

    def add(self, copy: Copy, unfit: Unfit, where: Callable[[], str]) -> None:
        """Another one; ``where`` names its row, and is asked for the first few only."""
        column = next(p.target for p in copy.pairs if p.source.name == unfit.column)
        place = f"{copy.source.name}.{unfit.column}"
        fix = repair(copy.source.name.table, unfit.column, unfit.why)
        same = self._found.setdefault((place, column.type.text, unfit.why), _Same(fix))
        same.rows += 1
        if same.rows <= _EACH:
            same.where.append(f"{where()}: {unfit.value}")

    def lines(self) -> tuple[str, ...]:
        """For people: column, reason, rows."""
        told = []
        for (place, of, why), same in list(self._found.items())[:MOST]:
            more = f", and {same.rows - _EACH:,} more" if same.rows > _EACH else ""
            told.append(f"{place} ({of}) {why}: {'; '.join(same.where)}{more}")
            if same.repair is not None:
                told.append(f"  in a copy of the file:  {same.repair}")
        if len(self._found) > MOST:
            told.append(f"and {len(self._found) - MOST} more")
        return tuple(told)


def repair(table: str, column: str, why: str) -> str | None:
    """SQL that makes such values fit in a copy of the file, where there is one way to do it."""
    name, own = quoted(column), quoted(table)
    if "NUL character" in why:
        return f"UPDATE {own} SET {name} = replace({name}, char(0), '')"
    if "in milliseconds" in why:
        return f"UPDATE {own} SET {name} = datetime({name} / 1000, 'unixepoch')"
    if "is bytes (a BLOB), not text" in why:
        return f"UPDATE {own} SET {name} = CAST({name} AS TEXT) WHERE typeof({name}) = 'blob'"
    if "is no bytes (a BLOB)" in why:
        return f"UPDATE {own} SET {name} = CAST({name} AS BLOB) WHERE typeof({name}) <> 'blob'"
    return None
