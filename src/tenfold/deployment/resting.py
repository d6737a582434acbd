"""Workers that rest, in words: what will become of them, and when. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tenfold.state.lock import Holder
from tenfold.topology.observation import Deed, Observation, ObservedUnit
from tenfold.transitions.journal import Record


def sentence(units: Sequence[ObservedUnit], holder: Holder | None) -> str | None:
    """What becomes of the units of one pool that rest; ``None`` if none does, or others work."""
    resting = [u for u in units if u.state == "resting"]
    if not resting or any(u.state not in ("resting", "stopped") for u in units):
        return None
    until = max((u.rests_until for u in resting if u.rests_until is not None), default=None)
    works = holder.reason if holder and holder.reason.startswith("tenfold ") else None
    if until is None and works:
        return f"rests until {works} wakes or replaces it"
    if until is None:
        return "rests until the command that was cut off goes on, or is taken back"
    at = time.strftime("%H:%M:%S", time.localtime(until))
    if works:
        return f"rests while {works} is at work; if that is killed, works again by itself at {at}"
    return f"rests, and works again by itself at {at}"


def deeds(now: Observation, last: Record | None) -> tuple[Deed, ...]:
    """What agents have done by themselves since a command was cut off."""
    if last is None or last.ended is not None:
        return ()
    found = (deed for host in now.hosts for deed in host.deeds)
    return tuple(deed for deed in found if deed.at >= last.began)
