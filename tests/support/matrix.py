"""Which process is killed at which point of a move: all cells, a sample of them, and a tally."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

STEPS = (
    *("EnsureSlot", "StartUnit", "CatchUp", "WarmPool", "Settle", "Checkpoint", "Hold", "Fence"),
    *("AwaitLast", "Promote", "Handover", "Follow"),
)
POINTS = tuple(f"{step}.{when}" for step in STEPS for when in ("before", "after"))
VICTIMS = (*("command", "old agent", "new agent", "old database", "new database", "edge", "app"),)
SERVE = frozenset({"old database", "new database", "edge", "app"})
"""Users are in the middle of a request to these, and one that is killed cannot answer it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kill, and the command that is given afterwards."""

    point: str
    victim: str
    then: str = "resume"


def every_cell() -> tuple[Cell, ...]:
    """The whole matrix."""
    return tuple(
        Cell(point, victim, then)
        for point in POINTS
        for victim in VICTIMS
        for then in ("resume", "abort")
    )


def sample(seed: int) -> tuple[Cell, ...]:
    """Every point once, with a victim and an ending that the seed chooses."""
    chance = random.Random(seed)
    return tuple(
        Cell(point, chance.choice(VICTIMS), chance.choice(("resume", "resume", "abort")))
        for point in POINTS
    )


def tally(struck: Sequence[Cell], missed: Sequence[Cell]) -> Iterator[str]:
    """How much of the matrix was covered, for people."""
    points = {cell.point for cell in struck}
    total = len(every_cell())
    yield (
        f"kills in the middle of a move: {len(set(struck))} of {total} cells,"
        f" {len(points)} of {len(POINTS)} points"
    )
    yield f"  victims  {_counted(cell.victim for cell in struck)}"
    yield f"  then     {_counted(cell.then for cell in struck)}"
    if missed:
        names = ", ".join(f"{cell.victim} at {cell.point}" for cell in missed)
        yield f"  not there to be killed: {names}"


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items()))
