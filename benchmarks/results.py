"""What a benchmark found, as plain data: kept in ``results/NAME.json``, read for RESULTS.md."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Goal, Ratio, paired_ratio
from benchmarks.sites import OURS, THEIRS

VERSION = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity, measured on both sides in every round.

    Attributes:
        what: the quantity, as the first column of the table has it.
        unit: of the values, for example ``ms``.
        ours, theirs: one value a round, through Tenfold and by hand.
        more_is_better: which end is the bad one.
        goal: of the ratio ours / theirs, if it has one.
    """

    what: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    more_is_better: bool = False
    goal: Goal | None = None

    @property
    def ratio(self) -> Ratio:
        """Ours over theirs, round by round."""
        return paired_ratio(self.ours, self.theirs)


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that are no pairs; the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one benchmark found.

    Attributes:
        how: what was done, for a reader who wants to judge it.
        sides: what the comparisons compare; the ratio is the first over the second.
        notes: what limits these figures: a busy generator, a missing tool, a failed round.
        raw: everything measured, for the JSON alone.
    """

    name: str
    title: str
    how: str
    comparisons: tuple[Comparison, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict)
    sides: tuple[str, str] = (OURS, THEIRS)


@dataclass(frozen=True, slots=True)
class Record:
    """A finding with when, where and by which command it was made."""

    finding: Finding
    machine: dict[str, str]
    command: str

    def to_json(self) -> str:
        """One object of version 1."""
        return json.dumps({"version": VERSION, **dataclasses.asdict(self)}, indent=1) + "\n"


def record_from(text: str) -> Record:
    """The record that :meth:`Record.to_json` wrote.

    Raises:
        ValueError: it is of another version.
    """
    data = json.loads(text)
    if data.get("version") != VERSION:
        raise ValueError(f"a record of version {data.get('version')}, not {VERSION}")
    found = data["finding"]
    finding = Finding(
        **{name: found[name] for name in ("name", "title", "how", "raw")},
        comparisons=tuple(_comparison(c) for c in found["comparisons"]),
        tables=tuple(_table(t) for t in found["tables"]),
        notes=tuple(found["notes"]),
        sides=tuple(found.get("sides", (OURS, THEIRS))),
    )
    return Record(finding, data["machine"], data["command"])


def records_in(folder: Path, names: Iterable[str]) -> list[Record]:
    """The records of a folder that are there, in this order."""
    paths = (folder / f"{name}.json" for name in names)
    return [record_from(path.read_text()) for path in paths if path.exists()]


def _comparison(data: dict[str, Any]) -> Comparison:
    goal = Goal(**data["goal"]) if data["goal"] else None
    values = {"ours": tuple(data["ours"]), "theirs": tuple(data["theirs"]), "goal": goal}
    return Comparison(**{**data, **values})


def _table(data: dict[str, Any]) -> Table:
    return Table(data["title"], tuple(data["header"]), tuple(tuple(row) for row in data["rows"]))
