"""What ``status`` tells of a command that is at work, or of a move that waits for the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from tenfold.deployment.deployment import Deployment
from tenfold.deployment.status import Status
from tenfold.errors import TenfoldError
from tenfold.observe.report.figures import size
from tenfold.stages.path import BY_ITSELF
from tenfold.state.lock import Holder

if TYPE_CHECKING:
    from tenfold.deployment.databases import Following

FOLLOWS: Final = ("preparing", "prepared", "switching", "switched")
"""The phases in which one database follows another, or is about to."""
LOOK_SECONDS: Final = 2
"""How long a server may take, of which only the lag is asked: status is a glance."""
SWITCHES: Final = ("reverse", "grow", "shrink")


def with_follower(found: Status, deployment: Deployment) -> Status:
    """The status with how the following database stands, where that can be asked."""
    doing = found.transition or {}
    ends = (doing.get("from"), doing.get("to"))
    if doing.get("phase") not in FOLLOWS or "1" in ends:  # out of stage 1 no database moves
        return found
    if deployment.position in BY_ITSELF:  # Patroni sees to it that its members follow
        return found
    from tenfold.deployment.databases import following  # half a second that no other status needs
    from tenfold.deployment.work import serving

    try:
        seen = following(
            serving(deployment),
            coming=doing["phase"] == "preparing",
            clustered="1k" in ends,
            within_seconds=LOOK_SECONDS,
        )
    except TenfoldError:  # the lag is not worth a failed status
        seen = None
    return replace(found, transition=followed(doing, seen))


def followed(doing: Mapping[str, Any], seen: Following | None) -> dict[str, Any]:
    """A transition with what was seen of the follower; without an answer it says that. Pure."""
    told = {**doing, "behind_bytes": None, "copy": None, "lost": None}
    if seen is None:
        return told
    told["behind_bytes"] = seen.behind_bytes
    if seen.copy is not None:
        told["copy"] = {k: v for k, v in asdict(seen.copy).items() if k != "backends"}
    if seen.lost:
        told["lost"] = f"{seen.leader} has let go of log that {seen.follower} still needs"
        told["may"] = [choice for choice in told["may"] if choice not in SWITCHES]
    return told


def lines(doing: Mapping[str, Any], now: float) -> Iterator[str]:
    """The transition as people read it. Pure; ``now`` is in seconds since the epoch."""
    moves = f" from stage {doing['from']} to {doing['to']}" if "from" in doing else ""
    what = f"{doing['kind']}{moves}"
    if doing["state"] == "open":
        yield f"{what} is {doing['phase']}, not complete{_follows(doing)}"
    elif doing["state"] == "running":
        phase = f"{doing['phase']}, " if moves else ""
        yield f"{what} is under way: {phase}{_where(doing)}{_follows(doing)}"
    else:
        again = "; the same command again goes on from there"
        by_itself = moves or doing["kind"].startswith("host ")
        yield f"{what} was cut off at {_where(doing)}{'' if by_itself else again}{_follows(doing)}"
    if doing.get("lost"):
        lost = "the way back" if doing["phase"] == "switched" else "the copy"
        yield f"{lost} is lost: {doing['lost']}"
    if doing.get("holder"):
        holder = Holder(**doing["holder"])
        by = f"pid {holder.pid}, {holder.user}"
        yield f"{holder.reason} holds the lock since {holder.age(now)} ({by})"


def _where(doing: Mapping[str, Any]) -> str:
    if "position" not in doing or doing["step"] is None:
        return "between two steps"
    return f"step {doing['position']} of {doing['of']}, {doing['step']}"


def _follows(doing: Mapping[str, Any]) -> str:
    if doing.get("lost"):
        return ""
    if copy := doing.get("copy"):
        of = f" of {size(copy['total_bytes'])}" if copy["total_bytes"] else ""
        return f"; {size(copy['copied_bytes'])}{of} are copied"
    lag = doing.get("behind_bytes")
    return "" if lag is None else f"; the other database is {size(lag)} behind"
