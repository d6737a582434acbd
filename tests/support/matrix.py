"""Which process is killed at which point of a move: all cells, a sample of them, and a tally."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cell:
    """One kill, and the command that is given afterwards."""

    point: str
    victim: str
    then: str = "resume"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Of one move. Users are in the middle of a request to those who ``serve``, and one that is
    killed cannot answer it."""

    name: str
    points: tuple[str, ...]
    victims: tuple[str, ...]
    serve: frozenset[str]

    def every_cell(self) -> tuple[Cell, ...]:
        """The whole matrix."""
        return tuple(
            Cell(point, victim, then)
            for point in self.points
            for victim in self.victims
            for then in ("resume", "abort")
        )

    def sample(self, seed: int) -> tuple[Cell, ...]:
        """Every point once, with a victim and an ending that the seed chooses."""
        chance = random.Random(seed)
        return tuple(
            Cell(point, chance.choice(self.victims), chance.choice(("resume", "resume", "abort")))
            for point in self.points
        )

    def tally(self, struck: Sequence[Cell], missed: Sequence[Cell]) -> Iterator[str]:
        """How much of it was covered, for people."""
        points = {cell.point for cell in struck}
        yield (
            f"kills in the middle of {self.name}: {len(set(struck))} of {len(self.every_cell())}"
            f" cells, {len(points)} of {len(self.points)} points"
        )
        yield f"  victims  {_counted(cell.victim for cell in struck)}"
        yield f"  then     {_counted(cell.then for cell in struck)}"
        if missed:
            names = ", ".join(f"{cell.victim} at {cell.point}" for cell in missed)
            yield f"  not there to be killed: {names}"


def _points(steps: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{step}.{when}" for step in steps for when in ("before", "after"))


TO_100: Final = Matrix(
    "10 <-> 100",
    points=(
        *_points(("EnsureSlot", "StartUnit", "CatchUp", "WarmPool", "Settle", "Checkpoint")),
        *_points(("Hold", "Fence", "AwaitLast", "Promote", "Handover", "Follow")),
        "Fence.told",
    ),
    victims=(
        *("command", "old agent", "new agent", "old database", "new database", "edge", "app"),
    ),
    serve=frozenset({"old database", "new database", "edge", "app"}),
)
TO_1K: Final = Matrix(
    "100 <-> 1k",
    points=(
        *_points(("AwaitQuorum", "AdoptDatabase", "JoinCluster", "RequireSynchronous")),
        *("AdoptDatabase.entrusted", "JoinCluster.started", "RequireSynchronous.configured"),
        *_points(("WarmPool", "Handover", "LeaveCluster", "ReleaseDatabase", "SwitchOver")),
        *("LeaveCluster.apart", "LeaveCluster.kept", "LeaveCluster.follows"),
        *("ReleaseDatabase.alone", "ReleaseDatabase.taken"),
        *_points(("RemoveEtcd", "RemoveHost")),
    ),
    victims=(
        *("command", "agent of db1", "agent of db2", "agent of app1", "agent of app2"),
        *("leader's PostgreSQL", "follower's PostgreSQL", "leader's Patroni"),
        *("follower's Patroni", "leader's leash", "leader's leash and guard"),
        *("a member of etcd", "edge", "app"),
    ),
    serve=frozenset(
        {
            *("leader's PostgreSQL", "leader's Patroni", "leader's leash"),
            *("leader's leash and guard", "edge", "app"),
        }
    ),
)
MATRICES: Final = (TO_100, TO_1K)


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items()))
