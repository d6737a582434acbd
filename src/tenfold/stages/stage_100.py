"""Stage 100: the database on a host of its own; edge and app stay together."""

from __future__ import annotations

from tenfold.errors import Refused
from tenfold.spec.model import AppSpec
from tenfold.stages import stage_10
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import EndpointSettings

APP_HOST = "app1"
DATABASE_HOST = "db1"


def topology(spec: AppSpec, machine: Machine, facts: AppFacts) -> Topology:
    """Edge and app on one host, the database on another.

    The app reaches the database through an endpoint on its own host, which stays where it is
    whoever leads.

    Raises:
        Refused: the database is the user's own, so that there is none to give a host.
    """
    require_database(spec)
    return Topology(
        app=spec.name,
        stage="100",
        hosts=(host(DATABASE_HOST, machine), host(APP_HOST, machine)),
        units=(
            *stage_10.backup(spec, DATABASE_HOST),
            database(spec),
            Unit("database", "database_endpoint", APP_HOST, EndpointSettings()),
            *stage_10.redis(spec, APP_HOST),
            Unit("edge", "nginx", APP_HOST, stage_10.edge(spec, pages=facts.pages), after=("app",)),
            *stage_10.certificates(spec, APP_HOST),
            *stage_10.metrics(spec, APP_HOST),
        ),
        pools=(
            stage_10.pool(spec, machine, facts, host=APP_HOST, after=("database",)),
            *stage_10.workers(spec, host=APP_HOST, after=("database",)),
        ),
    )


def require_database(spec: AppSpec) -> None:
    """See that Tenfold runs the database. Raises ``Refused``, see :func:`topology`."""
    if not stage_10.runs_database(spec):
        raise Refused(
            "stage 100 gives the database a host of its own, and yours has one: [database] url",
            next="stay at stage 10: there is nothing to move",
        )


def database(spec: AppSpec) -> Unit:
    """The database of this stage."""
    return Unit("postgres", "postgresql", DATABASE_HOST, stage_10.database(spec, node=2))


def host(name: str, machine: Machine) -> Host:
    """A host like the machine that all of them are on."""
    return Host(name, cores=machine.cores, memory_bytes=machine.memory_bytes)
