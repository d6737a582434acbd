"""Stage 100 with the app in a second zone, as a command would intend it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.project import Project

from tenfold.deployment import work
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.engines.protocol import ReleasePlace
from tenfold.stages import stage_1k
from tenfold.state.layout import Layout
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import EdgeSettings
from tenfold.transitions import planner
from tenfold.transitions.steps import Step, to_json

HOST = "app2"
ROOT = Path(__file__).parents[2]


def spread(topology: Topology) -> Topology:
    """The topology with endpoint, app and edge on a second host, in zone b."""
    (first,) = (m.settings for m in topology.of(EdgeSettings))
    assert isinstance(first, EdgeSettings)
    edge = stage_1k.edges(first, 2)[1]
    return replace(
        topology,
        hosts=(*topology.hosts, Host(HOST, "b")),
        units=(
            *topology.units,
            stage_1k.endpoint(HOST),
            Unit("edge", "nginx", HOST, edge, after=("app",)),
        ),
        pools=(*topology.pools, replace(topology.app_pool, host=HOST)),
    )


def intended(deployment: Deployment, release: str | None = None, **wish: Any) -> Intent:
    """What a command would intend, in two zones."""
    intent = work.intend(deployment, release=release, **wish)
    topology = spread(intent.goal.topology)
    hosts = {host.name: intent.target.locate(host) for host in topology.hosts}
    blueprint = replace(intent.blueprint, topology=topology, hosts=hosts)
    assert intent.goal.release is not None
    placed = replace(blueprint, release=ReleasePlace(intent.goal.release, "", "", ""))
    goal = replace(intent.goal, topology=topology, fingerprints=placed.fingerprints())
    return replace(intent, goal=goal, blueprint=blueprint)


def carry_out(project: Project, kind: str, release: str = "") -> list[dict[str, Any]]:
    """Plan and act as the command of this name does, in a process of its own; gives the steps."""
    argv = [sys.executable, "-m", __name__, str(project.path), kind, release]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    steps: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return steps


def main(folder: str, kind: str, release: str) -> None:
    deployment = Deployment.existing(Layout(Path(folder)))
    with deployment.working(kind):
        intent = intended(deployment, release or None)
        todo = planner.plan(kind, deployment.observe(), intent.goal)
        work.carry_out(deployment, todo, intent, Silent())
    print(json.dumps([to_json(step) for step in todo.steps]))


class Silent:
    """Nobody who listens."""

    def started(self, step: Step) -> None: ...

    def progress(self, step: Step, text: str) -> None: ...

    def finished(self, step: Step, seconds: float) -> None: ...

    def failed(self, step: Step, error: BaseException) -> None: ...

    def backing_out(self, steps: tuple[Step, ...]) -> None: ...


if __name__ == "__main__":
    main(*sys.argv[1:])
