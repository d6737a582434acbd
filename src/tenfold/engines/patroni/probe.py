"""A cluster as one of its Patronis sees it, as one frozen value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from tenfold.engines.patroni.rest import ask
from tenfold.engines.protocol import Scene
from tenfold.errors import TargetError
from tenfold.topology.model import Pool, Unit

MemberRole = Literal["leader", "follower"]
WORKS = ("running", "streaming", "in archive recovery")
"""Patroni's words for a server that works."""


@dataclass(frozen=True, slots=True)
class MemberState:
    """One member, named after its host.

    ``state`` is Patroni's word: ``running``, ``streaming``, ``starting``, ``stopped`` ...
    ``in_sync``: a commit may count on it, and it may be elected without losing one. ``lag_bytes``
    is what it has not received; ``None`` where nobody knows, as of one that is gone. ``excused``:
    it says of itself that no commit is to wait for it.
    """

    name: str
    role: MemberRole
    state: str
    timeline: int | None
    lag_bytes: int | None
    in_sync: bool
    needs_restart: bool
    excused: bool = False


@dataclass(frozen=True, slots=True)
class ClusterView:
    """All members. ``paused``: nobody is elected by itself."""

    members: tuple[MemberState, ...]
    paused: bool

    @property
    def leader(self) -> MemberState | None:
        """Who leads, if somebody does."""
        return next((m for m in self.members if m.role == "leader"), None)

    def member(self, name: str) -> MemberState | None:
        """The one of this name; ``None`` where nobody knows of it."""
        return next((m for m in self.members if m.name == name), None)

    @property
    def in_sync(self) -> tuple[str, ...]:
        """Who may be elected without losing a commit."""
        return tuple(m.name for m in self.members if m.in_sync)


def observe(member: Unit | Pool, scene: Scene) -> ClusterView:
    """Ask this member's Patroni, which asks etcd.

    Raises:
        TargetError: it does not answer, or cannot say.
    """
    return view(_known(member, scene, "/cluster", "its cluster"))


def first_view(asked: Iterable[tuple[Unit | Pool, Scene]]) -> ClusterView | None:
    """The cluster as the first of these that answers sees it; ``None`` where nobody does."""
    for member, scene in asked:
        with suppress(TargetError):
            return observe(member, scene)
    return None


def is_strict(member: Unit | Pool, scene: Scene) -> bool:
    """Whether commits wait also where there is nobody to wait for.

    Raises:
        TargetError: it does not answer, or cannot say.
    """
    said = _known(member, scene, "/config", "its cluster's configuration")
    return bool(said.get("synchronous_mode_strict", False))


def _known(member: Unit | Pool, scene: Scene, path: str, what: str) -> Mapping[str, Any]:
    """What Patroni knows from etcd. Raises ``TargetError``: it does not answer, or cannot say."""
    status, said = ask(member, scene, path)
    if status != 200 or not isinstance(said, dict):
        raise TargetError(
            f"Patroni of {member.path} does not know {what}: status {status}",
            next="tenfold status   says what etcd does",
        )
    return said


def leads(member: Unit | Pool, scene: Scene) -> bool:
    """Whether this member's server leads, by its own Patroni, which needs no etcd to say so.

    Raises:
        TargetError: it does not answer.
    """
    _, said = ask(member, scene, "/patroni")
    return isinstance(said, dict) and said.get("role") == "primary" and said.get("state") in WORKS


def version(member: Unit | Pool, scene: Scene) -> str | None:
    """Of which version this member's Patroni is, as it runs; ``None`` where it does not answer."""
    with suppress(TargetError):
        _, said = ask(member, scene, "/patroni")
        known = said.get("patroni") if isinstance(said, dict) else None
        return str(known["version"]) if isinstance(known, dict) and "version" in known else None
    return None


def view(said: Mapping[str, Any]) -> ClusterView:
    """What ``GET /cluster`` answers, as a value."""
    return ClusterView(
        members=tuple(_member(one) for one in said.get("members", [])),
        paused=bool(said.get("pause", False)),
    )


def _member(said: Mapping[str, Any]) -> MemberState:
    role, lag = str(said.get("role")), said.get("lag")
    return MemberState(
        name=str(said["name"]),
        role="leader" if role in ("leader", "standby_leader") else "follower",
        state=str(said.get("state", "unknown")),
        timeline=said.get("timeline"),
        lag_bytes=lag if isinstance(lag, int) else None,
        in_sync=role in ("quorum_standby", "sync_standby"),
        needs_restart=bool(said.get("pending_restart", False)),
        excused=bool((said.get("tags") or {}).get("nosync", False)),
    )
