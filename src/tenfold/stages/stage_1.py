"""Stage 1: published pages. One edge shows them as they are published; there is no app yet.

Names and TLS are left out: the site's name leads to whoever publishes the pages, who alone can have
a certificate for it. Passwords are asked for: what is not for everybody is not before it is out.
"""

from __future__ import annotations

from tenfold.spec.model import AppSpec
from tenfold.stages.facts import Machine
from tenfold.stages.stage_10 import HOST
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import EdgeSettings


def topology(spec: AppSpec, machine: Machine) -> Topology:
    """One host, and on it an edge that shows files."""
    return Topology(
        app=spec.name,
        stage="1",
        hosts=(Host(HOST, cores=machine.cores, memory_bytes=machine.memory_bytes),),
        units=(edge(spec),),
    )


def edge(spec: AppSpec) -> Unit:
    """The edge, before there is an app behind it."""
    settings = EdgeSettings(
        address=spec.edge.address,
        port=spec.edge.port,
        upstream=None,
        pages=True,
        max_body_bytes=spec.edge.max_body_bytes,
        hold_seconds=spec.edge.hold_seconds,
        request_seconds=spec.edge.request_timeout_seconds,
        users=tuple(sorted(spec.edge.basic_auth)),
    )
    return Unit("edge", "nginx", HOST, settings)
