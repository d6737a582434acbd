"""What an etcd cluster is doing, member by member, as one frozen value."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenfold.engines.etcd.admin import credentials
from tenfold.engines.etcd.render import client_url, data, founded, joins, members
from tenfold.engines.protocol import Scene
from tenfold.leash.config import Tls
from tenfold.leash.etcd import request
from tenfold.topology.process import Command

ANSWER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class MemberState:
    """One member, by its host.

    ``answers``: it runs and lets us in. ``leads``: the others follow it. ``has_leader``: it knows
    of one, so it has a quorum, or had one until a second ago. ``alarms`` are etcd's: ``NOSPACE``,
    ``CORRUPT``.
    """

    host: str
    answers: bool
    leads: bool = False
    has_leader: bool = False
    version: str = ""
    term: int = 0
    size_bytes: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EtcdState:
    """All members that are declared."""

    members: tuple[MemberState, ...]

    @property
    def quorum(self) -> bool:
        """Whether enough of them answer and agree on a leader, so that it takes writes."""
        well = sum(m.answers and m.has_leader for m in self.members)
        return well > len(self.members) // 2

    @property
    def spare(self) -> int:
        """How many more may be lost before nothing can be written; negative: too many are."""
        answer = sum(m.answers for m in self.members)
        return answer - len(self.members) // 2 - 1


def can_ask(scene: Scene) -> bool:
    """Whether this scene's host has what its members let somebody in for."""
    return os.path.exists(credentials(scene).certificate)


def has_lost_data(scene: Scene) -> Command:
    """To be run on the member's host; succeeds if it had data, has none, and nobody expects it anew
    (see ``compose.sh``)."""
    script = '[ -e "$0" ] && [ ! -e "$1" ] && set -- "$2"/member/wal/*.wal && [ ! -e "$1" ]'
    argv = ("/bin/sh", "-c", script, founded(scene), joins(scene), data(scene))
    return Command(argv, within_seconds=ANSWER_SECONDS)


def observe(cluster: str, scene: Scene) -> EtcdState:
    """Ask every member; one that says nothing is part of the answer, not an error."""
    tls = credentials(scene)
    return EtcdState(
        tuple(_ask(m.host, client_url(m, scene), tls) for m in members(cluster, scene))
    )


def _ask(host: str, url: str, tls: Tls) -> MemberState:
    try:
        status, said = request(url, "/v3/maintenance/status", tls, ANSWER_SECONDS, {})
    except (OSError, http.client.HTTPException):
        return MemberState(host, answers=False)
    if status != 200 or not isinstance(said, dict):
        return MemberState(host, answers=False)
    return state(host, said)


def state(host: str, said: Mapping[str, Any]) -> MemberState:
    """What ``maintenance/status`` answers, as a value."""
    leader = said.get("leader", "0")
    return MemberState(
        host,
        answers=True,
        leads=leader == said["header"]["member_id"],
        has_leader=leader != "0",
        version=str(said.get("version", "")),
        term=int(said.get("raftTerm", 0)),
        size_bytes=int(said.get("dbSize", 0)),
        errors=tuple(said.get("errors", [])),
    )
