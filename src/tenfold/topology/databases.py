"""What is known of one member of a database cluster, as it was seen. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

NOBODY: Final = ""
"""The path of whoever leads, where an endpoint is to lead to nobody."""

Role = Literal["absent", "leader", "follower", "fenced", "unknown"]


@dataclass(frozen=True, slots=True)
class ObservedDatabase:
    """One data directory and its server.

    ``role`` is what the directory says and no restart changes: a *leader* accepts writes, a
    *follower* takes them from one, a *fenced* one was a leader and accepts none. ``absent``: there
    is no data. ``unknown``: its host cannot be asked. ``slots`` are the nodes for which it keeps
    its log. ``size_bytes`` is that of all its databases, where it could be asked. ``compared``: it
    is no copy that was made by a move and not yet compared with its leader. ``removed``: here was
    data whose deletion was cut off, and some of that is left. ``folder`` is where its data lies on
    its host, or would.
    """

    path: str
    role: Role
    running: bool = False
    slots: frozenset[int] = frozenset()
    size_bytes: int | None = None
    compared: bool = True
    removed: bool = False
    folder: str = ""


class TwoLeaders(ValueError):
    """More than one member says that it accepts writes. Nothing may be planned from there."""


def leader_of(databases: Mapping[str, ObservedDatabase]) -> ObservedDatabase | None:
    """Who leads; where nobody does, who did until it was fenced; ``None`` before the first start.

    Raises:
        TwoLeaders: more than one does.
    """
    for role in ("leader", "fenced"):
        found = [d for d in databases.values() if d.role == role]
        if len(found) > 1:
            raise TwoLeaders(" and ".join(sorted(d.path for d in found)))
        if found:
            return found[0]
    return None
