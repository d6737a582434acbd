"""Whether units run on a host that has no agent any more. Only looks; starts and ends nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tenfold.agent import identity as ids
from tenfold.agent.context import host_key
from tenfold.agent.identity import Facts, Identity
from tenfold.agent.record import FOLDER
from tenfold.agent.wire import from_wire

LARGEST_BYTES = 1 << 22


def remains(root: Path, uid: int | None = None) -> bool:
    """Whether any process of this user is one of the host's units, or descends from one.

    Told by its marker; where a process has written over its environment, as nginx does, by what the
    agent wrote down of the unit's first process.

    Args:
        root: the host's directory.
        uid: of the user; by default whoever asks.
    """
    return any(of_host(root, list(ids.everyone(uid))))


def of_host(root: Path, everyone: Sequence[Facts]) -> Iterator[Facts]:
    """Those of these processes that are a unit's of this host, or descend from one, told as
    :func:`remains` tells them; without the agent, which is none."""
    own = f"{host_key(root)}-"
    yield from (facts for facts in everyone if f"/{own}" in (facts.marker or ""))
    boot = ids.boot_id()
    for leader in _recorded(root / "agent" / FOLDER):
        if leader.boot != boot or not leader.nonce.startswith(own):
            continue
        now = ids.started(leader.pid)
        used = now is not None and now != leader.started
        held = now == leader.started
        for facts in everyone:
            if ids.belongs(facts, leader, leader_held=held, leader_pid_used=used):
                yield facts


def _recorded(folder: Path) -> Iterator[Identity]:
    """The first process of each unit, as it was last; what cannot be read is left out."""
    for path in sorted(folder.glob("*.json")):
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags), "rb") as file:
                told = json.loads(file.read(LARGEST_BYTES))
            if told["process"] is not None:
                yield from_wire(Identity, told["process"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
