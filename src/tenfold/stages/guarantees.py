"""What a server costs of that which Tenfold promises for servers that it knows. Pure.

Behind a door (see docs/decisions/0012-doors.md) a deploy and a move fail no request, whatever the
server is; what only an adapter inside the process could do is lost, and said.
"""

from __future__ import annotations

from tenfold.stages.facts import COMMAND, AppFacts

_DOOR = "stands behind a door, an nginx of its own: deploys and moves fail no request"
_LOST = "work behind an answer is not waited for, requests are not counted by route"


def costs(facts: AppFacts) -> tuple[str, ...]:
    """One line for a server without all guarantees; none for the others."""
    if facts.server == "granian":
        return (f"granian cannot be handed a socket and {_DOOR}. Lost: {_LOST}",)
    if facts.server == COMMAND:
        return (f"command {_DOOR}. Lost: {_LOST}, an error at its start shows in its log alone",)
    return ()
