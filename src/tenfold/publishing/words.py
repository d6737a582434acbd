"""A publication in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.publishing.model import Changes, File
from tenfold.publishing.names import shown

MOST_LINES = 20
_KIB = 1024


def count(number: int, word: str) -> str:
    """``1 file``, ``10,000 files``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes as people read them."""
    if number < _KIB:
        return f"{number} B"
    value, unit = number / _KIB, "KiB"
    for larger in ("MiB", "GiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def summary(changes: Changes, files: Mapping[str, File]) -> str:
    """One sentence: ``1 changed, 2 new, 9,997 stay``."""
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (len(changes.new), "new"),
            (len(changes.changed), "changed"),
            (len(changes.gone), "gone"),
        )
        if number
    ]
    if not parts:
        return f"nothing would change: {count(len(files), 'file')}"
    return ", ".join([*parts, f"{changes.same:,} stay"] if changes.same else parts)


def lines(
    changes: Changes, files: Mapping[str, File], *, most: int | None = MOST_LINES
) -> list[tuple[str, ...]]:
    """``+`` for new, ``~`` for changed, ``-`` for gone; each with its name and size."""
    rows: list[tuple[str, ...]] = [
        *(("~", shown(path), size(files[path].size)) for path in changes.changed),
        *(("+", shown(path), size(files[path].size)) for path in changes.new),
        *(("-", shown(path), "") for path in changes.gone),
    ]
    if most is not None and len(rows) > most:
        return [*rows[:most], ("", f"and {len(rows) - most:,} more", "--verbose lists them")]
    return rows
