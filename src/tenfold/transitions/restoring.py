"""The planner of a restore in place: from what is to what is wanted of it. Pure.

As the others, a prefix of its plan may be carried out and the rest forgotten; planning again from
there gives the remainder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tenfold.topology.observation import Observation
from tenfold.transitions import interrupting, remembered
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Goal, Plan, plan_unit

Aim = Literal["restored", "before", "gone"]
"""The database runs on what was brought back; on what it had before; nothing lies beside it."""


@dataclass(frozen=True, slots=True)
class Restore:
    """One restore in place that is begun and not complete.

    ``aim`` is what the last command wants, ``reached`` whether that is so. ``began`` is when it
    was, in seconds since the epoch; for the others see
    :class:`tenfold.transitions.steps.BringBeside`.
    """

    unit: str
    id: str
    lineage: str
    backup: str
    timeline: int
    target: float | None
    began: float
    aim: Aim = "restored"
    reached: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return asdict(self)


def from_json(data: Mapping[str, Any] | None) -> Restore | None:
    """Read what :meth:`Restore.to_json` wrote; ``None`` for ``None``.

    Raises:
        JournalError: a newer Tenfold wrote it.
    """
    return None if data is None else remembered.from_json(Restore, data, "the restore in place")


def choices(found: Restore) -> tuple[str, ...]:
    """The commands that lead on from here."""
    if not found.reached:
        return ("resume", "abort") if found.aim == "restored" else ("resume",)
    return ("complete", "reverse")


@dataclass(frozen=True, slots=True)
class Beside:
    """What was seen on the disk: something whole lies ``there`` beside the database, and the
    database is what was ``restored``; ``left``: something lies there, and be it a part."""

    there: bool
    restored: bool
    left: bool = False


def plan(
    kind: str, wanted: Restore, beside: Beside, now: Observation, goal: Goal, max_hold: float
) -> Plan:
    """The steps to what is wanted; ``max_hold`` is how long requests may wait, in seconds."""
    if wanted.aim == "gone":
        left = beside.there or beside.left  # a deletion that was cut off is finished
        return Plan(kind, (st.RemoveBeside(wanted.unit, wanted.id),) if left else ())
    steps: list[st.Step] = []
    restored = wanted.aim == "restored"
    if restored and not beside.restored and not beside.there:
        steps.append(
            st.BringBeside(
                wanted.unit,
                wanted.id,
                wanted.lineage,
                wanted.backup,
                wanted.timeline,
                wanted.target,
            )
        )
    if beside.restored == restored:
        return Plan(kind, (*steps, *_as_it_is(wanted, now, goal)))
    return Plan(kind, (*steps, *_exchange(wanted, now, goal, max_hold)))


def _as_it_is(wanted: Restore, now: Observation, goal: Goal) -> list[st.Step]:
    """It was exchanged already: whatever does not run yet does then, on this side."""
    host = now.host(wanted.unit.partition("/")[0])
    (unit,) = (u for u in goal.topology.units if u.path == wanted.unit)
    return [*plan_unit(unit, host, goal), *interrupting.new_workers(now, goal, rested=False)]


def _exchange(wanted: Restore, now: Observation, goal: Goal, max_hold: float) -> list[st.Step]:
    exchange = st.Exchange(wanted.unit, wanted.id, back=wanted.aim == "before")
    return interrupting.while_requests_wait([exchange], now, goal, interrupting.Bounds(max_hold))
