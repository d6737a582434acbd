"""What ``grow``, ``shrink``, ``reverse``, ``complete``, ``abort`` and ``resume`` mean. Pure.

A crossing is a walk over positions (:mod:`tenfold.stages.path`); each command says where it is to
end, or why it makes no sense now. What is remembered of a crossing is one small value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from tenfold.errors import JournalError, Refused, UsageError
from tenfold.stages.path import ORDER, stage_of
from tenfold.transitions import remembered

STAGES: Final = tuple(name for name in ORDER if "+" not in name)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A move between two stages that is begun and not complete.

    Attributes:
        home: the stage at which it began.
        goal: the stage to which it leads.
        command: the last one that was given.
        final: the position that this command is to end at; ``None`` when it has.
        switched: the goal's database leads, or it did until ``reverse``.
        began: seconds since the epoch.
    """

    home: str
    goal: str
    command: str
    final: str | None
    switched: bool
    began: float

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return remembered.to_json(self)

    @property
    def way(self) -> tuple[str, ...]:
        """All positions, from home to goal."""
        start, end = ORDER.index(self.home), ORDER.index(self.goal)
        return ORDER[start : end + 1] if start < end else ORDER[end : start + 1][::-1]

    @property
    def prepared(self) -> str:
        """The last position before the switch."""
        return self.way[-3]

    @property
    def far(self) -> str:
        """The first position behind the switch, from which there is a way back."""
        return self.way[-2]


def from_json(data: Mapping[str, Any] | None) -> Crossing | None:
    """Read what :meth:`Crossing.to_json` wrote; ``None`` for ``None``.

    Raises:
        JournalError: a newer Tenfold wrote it.
    """
    if data is None:
        return None
    what = f"the move from stage {data.get('home')} to {data.get('goal')}"
    found = remembered.from_json(Crossing, data, what)
    if not {found.home, found.goal} <= set(STAGES):
        raise JournalError(
            f"{what} is one that this version of Tenfold does not know",
            next="use the version that began it, or a newer one",
        )
    return found


@dataclass(frozen=True, slots=True)
class Ended:
    """A move between stages that is over: at which ``stage``, by which command, and when (seconds
    since the epoch)."""

    home: str
    goal: str
    stage: str
    command: str
    moment: float

    @classmethod
    def of(cls, crossing: Crossing, stage: str, now: float) -> Ended:
        """This one, which has come to its end."""
        return cls(crossing.home, crossing.goal, stage, crossing.command, now)

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return remembered.to_json(self)

    @property
    def sentence(self) -> str:
        """What ended it, and when."""
        return (
            f"{self.command} ended the move from stage {self.home} to {self.goal} at stage"
            f" {self.stage}, {self._when}"
        )

    @property
    def way_back_gone(self) -> str:
        """The same, where it was switched and the way back was open until then."""
        return f"{self.command} took the way back to stage {self.home} away, {self._when}"

    @property
    def anew(self) -> str:
        """The command that makes it from here."""
        to = self.home if self.stage == self.goal else self.goal
        verb = "grow" if ORDER.index(to) > ORDER.index(self.stage) else "shrink"
        does = "moves there anew, as live" if to == self.home else "begins it anew"
        return f"tenfold {verb} --to {to}    {does}"

    @property
    def _when(self) -> str:
        return datetime.fromtimestamp(self.moment).strftime("%Y-%m-%d %H:%M")


def ended_from_json(data: Mapping[str, Any] | None) -> Ended | None:
    """Read what :meth:`Ended.to_json` wrote; ``None`` for ``None``. It is for people alone: what
    another Tenfold wrote, and this one does not understand, is none."""
    if data is None:
        return None
    try:
        return remembered.from_json(Ended, data, "the last move")
    except JournalError:
        return None


def route(crossing: Crossing, at: str) -> tuple[str, ...]:
    """The positions to go through from ``at``, where everything is settled, to the final one.

    An unfinished command may have left it for the next position already, so a route that stays
    where it is has that one position.
    """
    assert crossing.final is not None
    start, end = ORDER.index(at), ORDER.index(crossing.final)
    if start == end:
        return (at,)
    between = ORDER[start + 1 : end + 1] if start < end else ORDER[end:start][::-1]
    # Taken back from half way to the next position: first be where it was settled.
    return (at, *between) if crossing.command == "abort" else between


def grow(
    at: str, crossing: Crossing | None, to: str, *, now: float, prepare_only: bool = False
) -> Crossing:
    """To a later or an earlier stage (``shrink``), up to where ``complete`` may follow.

    Raises:
        Refused: something else is under way, or it is there already.
        UsageError: no way leads there.
    """
    command = _direction(at, crossing, to)
    if crossing is None:
        crossing = Crossing(at, to, command, None, switched=False, began=now)
    _require_finished(crossing)
    if crossing.goal != to:
        raise Refused(
            f"a move from {crossing.home} to {crossing.goal} is not complete yet",
            next=_ways_on(at, crossing),
        )
    if at == crossing.far:
        raise Refused(f"the switch to stage {to} was made already", next=_ways_on(at, crossing))
    final = crossing.prepared if prepare_only else crossing.far
    return replace(crossing, command=command, final=final)


def reverse(at: str, crossing: Crossing | None, ended: Ended | None = None) -> Crossing:
    """Back over the switch, as live as it was made; ``ended``: the last move that is over.

    Raises:
        Refused: there is nothing to take back.
    """
    if crossing is None and ended is not None and ended.stage == ended.goal:
        raise Refused(ended.way_back_gone, next=ended.anew)
    crossing = _require(crossing, ended)
    _require_finished(crossing)
    if at != crossing.far:
        raise Refused("nothing was switched that could be taken back", next=_ways_on(at, crossing))
    return replace(crossing, command="reverse", final=crossing.prepared)


def complete(at: str, crossing: Crossing | None, ended: Ended | None = None) -> Crossing:
    """Give up the way back. The only command that deletes data.

    Raises:
        Refused: nothing was switched.
    """
    crossing = _require(crossing, ended)
    _require_finished(crossing)
    if at == crossing.far:
        return replace(crossing, command="complete", final=crossing.goal)
    if crossing.switched:  # and taken back since
        return replace(crossing, command="complete", final=crossing.home)
    raise Refused("the switch was not made yet", next=_ways_on(at, crossing))


def abort(at: str, crossing: Crossing | None, ended: Ended | None = None) -> Crossing:
    """Back to where everything was settled; before the switch, to where it began.

    Raises:
        Refused: nothing is under way, or it has no way back.
    """
    crossing = _require(crossing, ended)
    if crossing.final is None and at == crossing.far:
        raise Refused("the switch was made already", next=_ways_on(at, crossing))
    if crossing.command == "complete" and crossing.final is not None:
        raise Refused(
            "complete deletes the way back and cannot be taken back", next="tenfold resume"
        )
    if crossing.command == "reverse" and crossing.final is not None:
        return replace(crossing, command="abort", final=at)
    return replace(crossing, command="abort", final=crossing.home)


def resume(at: str, crossing: Crossing | None, ended: Ended | None = None) -> Crossing:
    """Go on with what was cut off.

    Raises:
        Refused: nothing was.
    """
    crossing = _require(crossing, ended)
    if crossing.final is None:
        raise Refused("nothing was cut off", next=_ways_on(at, crossing))
    return crossing


def arrived(at: str, crossing: Crossing) -> Crossing | None:
    """What is remembered once the final position is reached: at a stage, nothing."""
    if at in STAGES:
        return None
    return replace(crossing, final=None, switched=crossing.switched or at == crossing.far)


def choices(at: str, crossing: Crossing | None) -> tuple[str, ...]:
    """The commands that may be given now."""
    if crossing is None:
        return ()
    if crossing.final is not None:
        settled = crossing.command == "complete"
        return ("resume",) if settled else ("resume", "abort")
    if at == crossing.far:
        return ("complete", "reverse")
    verb = "grow" if ORDER.index(crossing.goal) > ORDER.index(crossing.home) else "shrink"
    return (verb, "complete") if crossing.switched else (verb, "abort")


def _direction(at: str, crossing: Crossing | None, to: str) -> str:
    if to not in STAGES:
        raise UsageError(f"there is no way to stage {to} in this version of Tenfold")
    home = crossing.home if crossing else at
    if to == home:
        if crossing:
            raise Refused(
                f"a move from {crossing.home} to {crossing.goal} is not complete yet",
                next=_ways_on(at, crossing),
            )
        raise Refused(f"it is at stage {to} already", next="tenfold status")
    command = "grow" if ORDER.index(to) > ORDER.index(home) else "shrink"
    here, there = STAGES.index(home), STAGES.index(to)
    if crossing is None and abs(here - there) > 1:
        nearer = STAGES[here + 1 if there > here else here - 1]
        raise Refused(
            f"from stage {home} the way to {to} leads over {nearer}, one move at a time",
            next=f"tenfold {command} --to {nearer}",
        )
    return command


def next_stage(at: str) -> str:
    """Where ``grow`` leads from a position; at the last stage that there is, where it is."""
    later = STAGES.index(stage_of(at)) + 1
    return STAGES[min(later, len(STAGES) - 1)]


def previous_stage(at: str) -> str:
    """Where ``shrink`` leads from a position; at the first stage, where it is."""
    return STAGES[max(STAGES.index(stage_of(at)) - 1, 0)]


def onward(at: str) -> str:
    """Where a move leads of which nobody says where to: on, and from the last stage back."""
    further = next_stage(at)
    return further if further != stage_of(at) else previous_stage(at)


def _require(crossing: Crossing | None, ended: Ended | None) -> Crossing:
    if crossing is not None:
        return crossing
    what, ways = "no move between stages is under way", "tenfold plan --to STAGE"
    if ended is not None:
        what, ways = f"{what}: {ended.sentence}", ended.anew
    raise Refused(what, next=ways)


def _require_finished(crossing: Crossing) -> None:
    if crossing.final is not None:
        raise Refused(
            f"{crossing.command} was cut off before its end",
            next="\n".join(f"tenfold {c}" for c in choices("", crossing)),
        )


def _ways_on(at: str, crossing: Crossing) -> str:
    explained = {
        "grow": f"tenfold grow --to {crossing.goal}    makes the switch",
        "shrink": f"tenfold shrink --to {crossing.goal}    makes the switch",
        "reverse": "tenfold reverse     takes the switch back, as live as it was made",
        "complete": "tenfold complete    removes the way back",
        "abort": "tenfold abort       removes what was prepared",
        "resume": "tenfold resume      goes on with it",
    }
    return "\n".join(explained[c] for c in choices(at, crossing))
