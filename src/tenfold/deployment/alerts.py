"""How alerts stand: what fires, what was told, and a test on demand."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.errors import Refused, StepFailed
from tenfold.metrics.alerts import memory
from tenfold.metrics.alerts.alert import Alert
from tenfold.metrics.alerts.keeper import ASKED, STATE
from tenfold.topology.model import Host
from tenfold.topology.process import File

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.targets.protocol import HostAgent

UNIT = "metrics"
TEST_SECONDS = 60.0
_PAUSE_SECONDS = 0.1
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Standing:
    """``waiting`` are messages that did not arrive yet, ``done`` those that did, or never will."""

    firing: tuple[Alert, ...]
    waiting: tuple[Mapping[str, Any], ...]
    done: tuple[Mapping[str, Any], ...]
    lost: int

    def of(self, id: str) -> tuple[Mapping[str, Any], ...]:
        """Every message with this id, whatever became of it."""
        waiting = tuple(
            {"to": d["to"], "attempts": d["attempts"], "why": d["why"]}
            for d in self.waiting
            if d["message"]["id"] == id
        )
        return (*(d for d in self.done if d["id"] == id), *waiting)


def read(deployment: Deployment) -> Standing | None:
    """What is remembered beside the app; ``None`` where nothing is."""
    for name in deployment.target.hosts():
        path = Path(deployment.target.locate(Host(name)).root, "data", UNIT, STATE)
        try:
            if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
                continue
            told = json.loads(path.read_text())
            queue = told["queue"]
            return Standing(
                memory.from_json(told["alerts"]).firing,
                tuple(queue["waiting"]),
                tuple(queue["done"]),
                int(queue["lost"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def test(deployment: Deployment) -> tuple[Mapping[str, Any], ...]:
    """Have a test told to everybody whom the alerts are told; how each attempt went.

    Raises:
        Refused: nobody raises alerts.
        StepFailed: nobody tried within a minute.
    """
    id = os.urandom(8).hex()
    _gatherer(deployment).write((File(f"config/{UNIT}/{ASKED}", f"{id}\n"),))
    deadline = time.monotonic() + TEST_SECONDS
    while time.monotonic() < deadline:
        standing = read(deployment)
        found = standing.of(id) if standing is not None else ()
        if found and all(one["attempts"] for one in found):
            return found
        time.sleep(_PAUSE_SECONDS)
    raise StepFailed(
        f"nothing was sent within {TEST_SECONDS:g} s",
        next="tenfold status    says whether metrics runs, tenfold logs metrics what it says",
    )


def _gatherer(deployment: Deployment) -> HostAgent:
    """The agent of the host where alerts are raised."""
    if deployment.spec().alerts is None:
        raise Refused(
            "nobody is told of anything", next="write [alerts] into tenfold.toml, then  tenfold up"
        )
    for name in deployment.target.hosts():
        agent = deployment.target.reach(name)
        if agent is not None and agent.observe().unit(UNIT) is not None:
            return agent
    raise Refused("nothing runs that could raise an alert", next="tenfold up")
