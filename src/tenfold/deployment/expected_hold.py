"""How long requests will wait while another database comes to lead: what was measured of it, part
by part, added up and put in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tenfold.transitions import steps as st

PARTS = ("drain", "stop", "promote", "start", "hand over", "journal")
"""In the order in which they come; the last of them is between all others."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial measured, and where: it holds for no other host, nor for another PostgreSQL.

    ``journal_seconds`` is of one entry; ``day`` is for people.
    """

    postgresql: str
    host: str
    day: str
    stop_seconds: float
    promote_seconds: float
    journal_seconds: float

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return asdict(self)


def tried_from_json(data: Any) -> Tried | None:
    """What :meth:`Tried.to_json` gave; ``None`` of anything else."""
    try:
        return Tried(**data)
    except TypeError:
        return None


def promotes(steps: Iterable[st.Step]) -> bool:
    """Whether requests wait on these for another database to lead, by order of Tenfold."""
    return any(isinstance(step, st.Promote) for step in steps)


def entries_while_held(steps: Iterable[st.Step]) -> int:
    """How many entries the journal takes while requests wait: one for every step after the hold,
    up to the one that has the new workers accept."""
    count, held = 0, False
    for step in steps:
        count += held
        held = (held or isinstance(step, st.Hold)) and not isinstance(step, st.Handover)
    return count


def expected(
    tried: Tried,
    *,
    entries: int,
    drain_seconds: float | None,
    handover_seconds: float | None,
    start_seconds: float | None,
) -> dict[str, Any]:
    """The hold as plans tell it: how long it will be, what that is made of, what it is known from,
    and which parts nobody has measured yet.

    Args:
        tried: what the trial measured.
        entries: how many the journal takes meanwhile.
        drain_seconds: how long what is in hand will take to end; ``None``: nothing was asked yet.
        handover_seconds: how long the last hand over took.
        start_seconds: of workers that cannot be started before; ``None`` where they can.
    """
    known = {
        "drain": drain_seconds,
        "stop": tried.stop_seconds,
        "promote": tried.promote_seconds,
        "start": start_seconds,
        "hand over": handover_seconds,
        "journal": entries * tried.journal_seconds,
    }
    measured = {name: s for name in PARTS if (s := known[name]) is not None}
    return {
        "seconds": round(sum(measured.values()), 4),
        "basis": f"a trial on {tried.host} on {tried.day}",
        "parts": {name: round(seconds, 4) for name, seconds in measured.items()},
        "not_measured": [n for n in ("drain", "hand over") if n not in measured],
    }


def in_words(
    hold: Mapping[str, Any] | None, *, start_seconds: float | None, untried: str | None
) -> str:
    """How long requests wait.

    Args:
        hold: what is known of it.
        start_seconds: of workers that start meanwhile; ``None``: they start before.
        untried: why nothing was measured, if it was to be.
    """
    if hold:
        return f"about {_lasting(hold)} (measured: {hold['basis']})"
    why = f"no trial: {untried}; tenfold rehearse" if untried else "tenfold rehearse"
    if start_seconds is None:
        return f"some tenths of a second ({why} measures it)"
    return f"{start_seconds:.1f} s and some tenths of a second ({why} measures it)"


def parts_in_words(hold: Mapping[str, Any] | None) -> str | None:
    """What the hold is made of; ``None`` if that is not known."""
    if not hold or not hold.get("parts"):
        return None
    told = ", ".join(f"{name} {_milliseconds(s)}" for name, s in hold["parts"].items())
    missing = " and ".join(hold["not_measured"])
    return f"of that in ms: {told}" + (f"; not measured yet: {missing}" if missing else "")


def _lasting(hold: Mapping[str, Any]) -> str:
    seconds = float(hold["seconds"])
    if hold.get("parts") and seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{_milliseconds(seconds)} ms"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
