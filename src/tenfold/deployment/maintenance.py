"""Maintenance, switched at every edge that runs. The journal remembers it for those that come.

It needs neither a release nor the file, and does not wait for other commands: what it changes is
nobody else's, and it may be wanted just because another command takes too long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenfold.deployment.deployment import Deployment
from tenfold.engines.nginx import admin
from tenfold.engines.nginx.maintenance import FACT, Notice, from_json
from tenfold.errors import Refused, StepFailed
from tenfold.targets.protocol import HostAgent

ENGINE = "nginx"
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - and where one asks there


@dataclass(frozen=True, slots=True)
class State:
    """What is wanted, and how many edges run that would show it."""

    notice: Notice | None
    edges: int


def state(deployment: Deployment) -> State:
    """What the journal says, and what runs."""
    return State(from_json(deployment.facts().get(FACT)), len(list(_edges(deployment))))


def switch(deployment: Deployment, notice: Notice | None) -> State:
    """Have every edge show the notice, or with ``None`` let visitors in again.

    Raises:
        Refused: somebody reserved the deployment.
        StepFailed: an edge does not do it; says how to go on.
    """
    reserved = deployment.lock.reservation()
    if reserved:
        raise Refused(
            f"reserved by {reserved.user}: {reserved.reason}",
            next="tenfold lock release   when that is over",
        )
    deployment.journal.set(FACT, notice.to_json() if notice else None)
    edges = list(_edges(deployment))
    for edge in edges:
        _switch(edge, notice)
    return State(notice, len(edges))


@dataclass(frozen=True, slots=True)
class _Edge:
    path: str
    agent: HostAgent
    config: str
    endpoint: str


def _switch(edge: _Edge, notice: Notice | None) -> None:
    word = "off" if notice is None else "on"
    admin.show(edge.agent, edge.config, notice)
    if admin.is_closed(edge.endpoint) is (notice is not None):
        return
    raise StepFailed(
        f"{edge.path} does not say that maintenance is {word}",
        changed="it is remembered, and holds from the edge's next configuration on",
        next="tenfold deploy    gives the edge its present configuration",
    )


def _edges(deployment: Deployment) -> Iterator[_Edge]:
    for host in deployment.target.hosts():
        agent = deployment.target.reach(host)
        if agent is None:
            continue
        for unit in agent.observe().units:
            if unit.engine == ENGINE and unit.state == "running" and unit.endpoint:
                config = f"{agent.paths.root}/config/{unit.name}"
                yield _Edge(f"{host}/{unit.name}", agent, config, _reachable(unit.endpoint))


def _reachable(endpoint: str) -> str:
    address, _, port = endpoint.rpartition(":")
    return f"{EVERY_ADDRESS.get(address, address)}:{port}"
