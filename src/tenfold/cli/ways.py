"""What the commands that a move goes on with would do, in words."""

from __future__ import annotations

from tenfold.observe.report.words import ACTIONS

SETTLES = "settles it; nothing is removed"
STOPS_THE_APP = "stops the app; its data stays"


def way_on(choice: str, moves: tuple[str | None, str | None], stage: str) -> str:
    """What a command would do, in a move between these stages, where the app is at ``stage``."""
    if choice == "complete" and "1" in moves:
        return STOPS_THE_APP if stage == "1" else SETTLES
    if choice == "complete" and "1k" in moves:
        return SETTLES if stage == "1k" else "removes the other zones' hosts, and etcd"
    return ACTIONS[choice]
