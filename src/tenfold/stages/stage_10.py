"""Stage 10: one host with everything on it, the simplest thing that can be operated."""

from __future__ import annotations

from tenfold.spec.model import AppSpec
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.settings import (
    AppSettings,
    Asset,
    DatabaseSettings,
    EdgeSettings,
    RedisSettings,
)

HOST = "vm1"


def topology(spec: AppSpec, machine: Machine, facts: AppFacts) -> Topology:
    """Database, app and edge on one host; a Redis-compatible server where the file asks for one."""
    return Topology(
        app=spec.name,
        stage="10",
        hosts=(Host(HOST, cores=machine.cores, memory_bytes=machine.memory_bytes),),
        units=(
            Unit("postgres", "postgresql", HOST, database(spec)),
            *redis(spec, HOST),
            Unit("edge", "nginx", HOST, edge(spec), after=("app",)),
        ),
        pools=(pool(spec, machine, facts),),
    )


def database(spec: AppSpec, *, node: int = 1) -> DatabaseSettings:
    """The app's own database; with migrations, only they may change the schema.

    ``node`` belongs to the data directory for its whole life: 1 lies beside the app.
    """
    return DatabaseSettings(
        database=spec.name.replace("-", "_"),
        separate_owner=spec.release.migrate is not None,
        node=node,
        copy_bytes_per_second=spec.transition.max_copy_rate_bytes,
    )


def redis(spec: AppSpec, host: str) -> tuple[Unit, ...]:
    """The Redis-compatible server, beside the app; nothing where the file asks for none."""
    if spec.redis is None:
        return ()
    settings = RedisSettings(
        max_memory_bytes=spec.redis.max_memory_bytes,
        policy=spec.redis.policy,
        persistence=spec.redis.persistence,
    )
    return (Unit("redis", "redis", host, settings),)


def edge(spec: AppSpec) -> EdgeSettings:
    """The reverse proxy as ``[edge]`` and ``[static]`` say."""
    return EdgeSettings(
        address=spec.edge.address,
        port=spec.edge.port,
        upstream="app",
        assets=tuple(Asset(url, path) for url, path in sorted(spec.static.assets.items())),
        max_body_bytes=spec.edge.max_body_bytes,
        hold_seconds=spec.edge.hold_seconds,
        request_seconds=spec.edge.request_timeout_seconds,
        health=spec.release.health,
    )


def pool(
    spec: AppSpec,
    machine: Machine,
    facts: AppFacts,
    *,
    host: str = HOST,
    after: tuple[str, ...] = ("postgres",),
) -> Pool:
    """The app's workers.

    One uvicorn process per core: an event loop fills a core. For gunicorn the ``2 x cores + 1`` of
    its documentation, at most 12, as processes of one unit.
    """
    workers = spec.server.workers
    wsgi = facts.server == "gunicorn"
    automatic = min(2 * machine.cores + 1, 12) if wsgi else machine.cores
    count = automatic if workers == "auto" else workers
    threads = spec.server.threads
    units = 1 if wsgi else count
    settings = AppSettings(
        entry=spec.app,
        interface=facts.interface,
        server=facts.server,
        workers=count if wsgi else 1,
        threads=1 if threads == "auto" else threads,
        health=spec.release.health_path,
        health_below=spec.release.health_below,
        ready_seconds=spec.server.health_timeout_seconds,
        drain_seconds=spec.server.drain_seconds,
    )
    needs = (*after, *(u.name for u in redis(spec, host)))
    return Pool("app", facts.server, host, settings, units, units, after=needs)
