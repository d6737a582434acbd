"""Stage 10: one host with everything on it, the simplest thing that can be operated."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from tenfold.spec.edge import EdgeTable
from tenfold.spec.jobs import POOL as JOBS
from tenfold.spec.jobs import JobTable
from tenfold.spec.model import AppSpec
from tenfold.spec.names import twin
from tenfold.spec.worker_kinds import kind_of
from tenfold.spec.workers import WorkerTable
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.settings import (
    AlertSettings,
    AppSettings,
    Asset,
    BackupSettings,
    CertificateSettings,
    DatabaseSettings,
    EdgeSettings,
    JobSettings,
    MetricsSettings,
    Redirect,
    RedisSettings,
    SchedulerSettings,
    Tls,
    WorkerSettings,
)

HOST = "vm1"
CERTIFICATES = "certificates"
BACKUP = "backup"
DAY_SECONDS = 86_400
MONITOR_ROLE = "tenfold_monitor"


def topology(spec: AppSpec, machine: Machine, facts: AppFacts) -> Topology:
    """Database, app and edge on one host; a Redis-compatible server where the file asks for one.

    Without a database where that is the user's own.
    """
    own = (Unit("postgres", "postgresql", HOST, database(spec)),) if runs_database(spec) else ()
    return Topology(
        app=spec.name,
        stage="10",
        hosts=(Host(HOST, cores=machine.cores, memory_bytes=machine.memory_bytes),),
        units=(
            *backup(spec, HOST),
            *own,
            *redis(spec, HOST),
            Unit("edge", "nginx", HOST, edge(spec, pages=facts.pages), after=("app",)),
            *certificates(spec, HOST),
            *metrics(spec, HOST),
        ),
        pools=(
            pool(spec, machine, facts, after=tuple(u.name for u in own)),
            *workers(spec, after=tuple(u.name for u in own)),
        ),
    )


def runs_database(spec: AppSpec) -> bool:
    """Whether Tenfold runs the database; else it is the user's own."""
    return spec.database.url is None


def database(spec: AppSpec, *, node: int = 1) -> DatabaseSettings:
    """The app's own database; with migrations, only they may change the schema.

    ``node`` belongs to the data directory for its whole life: 1 lies beside the app.
    """
    return DatabaseSettings(
        database=spec.name.replace("-", "_"),
        separate_owner=spec.release.migrate is not None,
        node=node,
        copy_bytes_per_second=spec.transition.max_copy_rate_bytes,
        archived=spec.database.backup is not None,
        monitor_role=None if spec.metrics is None else MONITOR_ROLE,
    )


def backup(spec: AppSpec, host: str) -> tuple[Unit, ...]:
    """The keeper of backups on the host of a database; nothing where the file asks for none.

    It outlives the database, which archives the last of its log when it stops; the database does
    not wait for it.
    """
    table = spec.database.backup
    if table is None:
        return ()
    settings = BackupSettings(
        to=table.to,
        every_seconds=table.every_seconds,
        keep_seconds=table.keep_seconds,
        endpoint=table.endpoint,
        region=table.region,
        encrypted=table.encryption is not None,
        check_seconds=table.check_seconds,
        storage=spec.storage.dirs,
        copy_bytes_per_second=spec.transition.max_copy_rate_bytes,
    )
    return (Unit(BACKUP, "backup", host, settings, outlives=("postgres",)),)


def redis(spec: AppSpec, host: str) -> tuple[Unit, ...]:
    """The Redis-compatible server, beside the app; nothing where the file asks for none."""
    if spec.redis is None or spec.redis.url is not None:
        return ()
    settings = RedisSettings(
        max_memory_bytes=spec.redis.max_memory_bytes,
        policy=spec.redis.policy,
        persistence=spec.redis.persistence,
    )
    return (Unit("redis", "redis", host, settings),)


def workers(
    spec: AppSpec, *, host: str = HOST, after: tuple[str, ...] = ("postgres",)
) -> tuple[Pool, ...]:
    """The background workers, beside the app; one of them runs the scheduled jobs."""
    needs = (*after, *(u.name for u in redis(spec, host)))
    pools = tuple(
        Pool(name, "worker", host, worker(table), table.count, table.count, after=needs)
        for name, table in sorted(spec.workers.items())
    )
    return (*pools, *schedulers(spec, host, needs))


def schedulers(spec: AppSpec, host: str, after: tuple[str, ...]) -> tuple[Pool, ...]:
    """Whoever runs the scheduled jobs on this host, if there are any."""
    if not spec.jobs:
        return ()
    return (Pool(JOBS, "jobs", host, scheduler(spec.jobs), 1, 1, after=after),)


def worker(table: WorkerTable) -> WorkerSettings:
    """One kind of worker, with what is known of its command where the file says nothing."""
    kind = kind_of(table.command, table.count)
    return WorkerSettings(
        command=table.command,
        kind=kind.name,
        stop_signal=table.stop_signal or kind.stop_signal,
        single=kind.single if table.single is None else table.single,
        drain_seconds=table.drain_seconds,
        steady_seconds=table.steady_seconds,
    )


def scheduler(jobs: Mapping[str, JobTable]) -> SchedulerSettings:
    """The scheduled jobs; whoever runs them waits for the one that may take the longest."""
    return SchedulerSettings(
        command="scheduled jobs",
        kind="jobs",
        drain_seconds=max(table.drain_seconds for table in jobs.values()),
        jobs=tuple(
            JobSettings(
                name=name,
                command=table.run,
                every_seconds=table.every_seconds,
                cron=table.cron,
                timezone=table.timezone,
                overlap=table.overlap,
                missed=table.missed,
                timeout_seconds=table.timeout_seconds,
                grace_seconds=table.grace_seconds,
            )
            for name, table in sorted(jobs.items())
        ),
    )


def edge(spec: AppSpec, *, pages: bool = False) -> EdgeSettings:
    """The reverse proxy as ``[edge]``, ``[static]`` and ``[storage]`` say.

    With ``pages``, those that are shown as files go before the app's.
    """
    own, www = spec.edge.own_names, spec.edge.www
    names = own if www != "serve" else (*own, *map(twin, own))
    return EdgeSettings(
        address=spec.edge.address,
        port=spec.edge.port,
        upstream="app",
        pages=pages,
        assets=tuple(Asset(url, path) for url, path in sorted(spec.static.assets.items())),
        stored=tuple(Asset(url, path) for url, path in sorted(spec.storage.urls.items())),
        max_body_bytes=spec.edge.max_body_bytes,
        hold_seconds=spec.edge.hold_seconds,
        request_seconds=spec.edge.request_timeout_seconds,
        health=spec.release.health,
        names=names,
        aliases=tuple((twin(name), name) for name in own) if www == "redirect" else (),
        redirects=tuple(
            Redirect(path, to.to, to.status) for path, to in sorted(spec.edge.redirects.items())
        ),
        users=tuple(sorted(spec.edge.basic_auth)),
        tls=_tls(spec.edge),
    )


def certificates(spec: AppSpec, host: str) -> tuple[Unit, ...]:
    """The keeper of the certificate, where there is one to keep.

    It comes after the edge, which shows its proofs; the edge does not wait for it.
    """
    if spec.edge.tls.mode != "auto":
        return ()
    of_the_edge = edge(spec)
    settings = CertificateSettings(
        names=(*of_the_edge.names, *(alias for alias, _ in of_the_edge.aliases)),
        directory=spec.edge.acme,
        email=spec.edge.email or "",
        own_roots=spec.edge.acme_ca is not None,
    )
    return (Unit(CERTIFICATES, "acme", host, settings, after=("edge",)),)


def metrics(spec: AppSpec, host: str) -> tuple[Unit, ...]:
    """Who gathers figures, beside the app; started last, since nobody waits for it."""
    if spec.metrics is None:
        return ()
    settings = MetricsSettings(spec.metrics.port or 0, alerts(spec))
    return (Unit("metrics", "metrics", host, settings, after=("edge",)),)


def alerts(spec: AppSpec) -> AlertSettings | None:
    """Who is told when something is wrong."""
    if spec.alerts is None:
        return None
    return AlertSettings(
        webhook=spec.alerts.webhook is not None,
        command=tuple(shlex.split(spec.alerts.command or "")),
        disk_free_percent=spec.alerts.disk_free_percent,
        error_percent=spec.alerts.error_percent,
    )


def _tls(edge: EdgeTable) -> Tls | None:
    if edge.tls.mode == "off":
        return None
    keeper = CERTIFICATES if edge.tls.mode == "auto" else None
    return Tls(edge.secure_port, edge.hsts_days * DAY_SECONDS, keeper)


def pool(
    spec: AppSpec,
    machine: Machine,
    facts: AppFacts,
    *,
    host: str = HOST,
    after: tuple[str, ...] = ("postgres",),
) -> Pool:
    """The app's workers.

    One process of an asyncio server per core: an event loop fills a core. For gunicorn the
    ``2 x cores + 1`` of its documentation, at most 12, as processes of one unit. granian and a
    command are one unit too, which has its processes behind one door.
    """
    workers = spec.server.workers
    alone = facts.server in ("uvicorn", "hypercorn")
    count = _automatic(facts.server, machine.cores) if workers == "auto" else workers
    threads = spec.server.threads
    units = count if alone else 1
    settings = AppSettings(
        entry=spec.app or "",
        interface=facts.interface,
        server=facts.server,
        workers=1 if alone else count,
        threads=int(facts.server in ("uvicorn", "gunicorn")) if threads == "auto" else threads,
        health=spec.release.health_path,
        health_below=spec.release.health_below,
        ready_seconds=spec.server.health_timeout_seconds,
        drain_seconds=spec.server.drain_seconds,
        command=tuple(shlex.split(spec.command)) if spec.command else (),
        max_body_bytes=spec.edge.max_body_bytes,
    )
    needs = (*after, *(u.name for u in redis(spec, host)))
    return Pool("app", facts.server, host, settings, units, units, after=needs)


def _automatic(server: str, cores: int) -> int:
    if server == "command":
        return 1
    return min(2 * cores + 1, 12) if server == "gunicorn" else cores
