"""What stands in the way of a move between stages, asked before anything of it is begun.

The same is asked once more by the move's own ``Check``, when the other host is there: what cannot
be known before that, and what came up meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenfold.deployment import writes
from tenfold.deployment.cross import ensure_agents, leg
from tenfold.deployment.forecast import prechecks
from tenfold.errors import TenfoldError
from tenfold.transitions import way
from tenfold.transitions.perform.checking import require

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.engines.postgresql.checks import Finding
    from tenfold.transitions.way import Crossing

SWITCHING = ("grow", "shrink", "reverse")
"""The commands on whose way another database takes over."""


def begins(before: Crossing | None, crossing: Crossing) -> bool:
    """Whether a command begins here, on whose way another database takes over; what was cut off
    goes on instead. ``before``: the move that is open, if one is. Pure."""
    cut_off = before is not None and before.final is not None
    return crossing.command in SWITCHING and not cut_off


def require_unhindered(
    deployment: Deployment,
    crossing: Crossing,
    again: str,
    findings: Sequence[Finding] | None = None,
) -> None:
    """See that nothing known stands in the way of a command that is about to begin.

    Args:
        deployment: as it is; nothing of it is changed.
        crossing: where the command leads.
        again: the command, as it is typed.
        findings: of the same checks, where they were made just now.

    Raises:
        Refused: something does; names all that does.
        TenfoldError: a host or a server does not answer.
    """
    try:
        require(_findings(deployment, crossing) if findings is None else tuple(findings))
    except TenfoldError as error:
        tell_not_begun(error, crossing.command, again, writes.where(deployment))
        raise


def tell_not_begun(error: TenfoldError, command: str, again: str, goes: str | None) -> None:
    """Have an error say that nothing was begun: then there is nothing to resume, either.

    Args:
        error: what stands in the way.
        command: of the move.
        again: the same, as it is typed.
        goes: where writes go, if anybody knows.
    """
    if error.changed is None:
        told = f"nothing was touched: {command} was not begun"
        error.changed = told if goes is None else f"{told}; {goes}"
    known = (error.next or "").replace("tenfold resume", again)
    error.next = known if again in known else f"{known}\nthen  {again}".removeprefix("\nthen  ")


def _findings(deployment: Deployment, crossing: Crossing) -> tuple[Finding, ...]:
    ensure_agents(deployment)
    first = leg(deployment, way.route(crossing, deployment.position)[0], crossing.command)
    return prechecks(deployment, first.intent, first.seen.databases)
