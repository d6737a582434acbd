"""The engines of this machine: which builds there are, and what renders for them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenfold.engines.acme import Acme
from tenfold.engines.backup import Backup
from tenfold.engines.command.render import Command
from tenfold.engines.database_endpoint import DatabaseEndpoint
from tenfold.engines.etcd import Etcd, written_by
from tenfold.engines.etcd import find as find_etcd
from tenfold.engines.failover import Failover
from tenfold.engines.granian.render import Granian
from tenfold.engines.gunicorn.render import Gunicorn
from tenfold.engines.hypercorn.render import Hypercorn
from tenfold.engines.jobs import Jobs
from tenfold.engines.metrics import Metrics
from tenfold.engines.nginx import binaries as nginx_binaries
from tenfold.engines.nginx.render import Nginx
from tenfold.engines.patroni import Patroni, require_patroni
from tenfold.engines.patroni.binaries import programs as patroni_programs
from tenfold.engines.postgresql import binaries as postgresql_binaries
from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.redis import Redis
from tenfold.engines.redis import find as find_redis
from tenfold.engines.redis.render import PROGRAM as REDIS_PROGRAM
from tenfold.engines.uvicorn.render import Uvicorn
from tenfold.engines.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tenfold.engines.protocol import Engine
    from tenfold.spec.model import AppSpec


@dataclass(frozen=True, slots=True)
class Toolbox:
    """``engines`` by name, ``binaries`` by program, ``versions`` by engine, for people.

    ``postgresql_major`` is 0 and ``psql`` empty where no app needs a database.
    """

    engines: Mapping[str, Engine]
    binaries: Mapping[str, str]
    versions: Mapping[str, str]
    postgresql_major: int
    psql: str
    nginx: nginx_binaries.Found


def edge_toolbox() -> Toolbox:
    """What pages need that are files: the edge alone.

    Raises:
        TenfoldError: it is not on this machine; says how to get it.
    """
    nginx = nginx_binaries.find()
    return Toolbox(
        engines={"nginx": Nginx(nginx.build)},
        binaries={"nginx": nginx.path, "python": sys.executable},
        versions={"nginx": _named(nginx)},
        postgresql_major=0,
        psql="",
        nginx=nginx,
    )


def _named(nginx: nginx_binaries.Found) -> str:
    return "nginx " + ".".join(map(str, nginx.version))


def toolbox(
    spec: AppSpec,
    *,
    postgresql_major: int | None = None,
    failover: bool = False,
    roots: Iterable[Path] = (),
) -> Toolbox:
    """The engines as the spec chooses them.

    Args:
        spec: ``[database] postgres`` says where PostgreSQL comes from.
        postgresql_major: the major version of data that exists already.
        failover: Patroni and etcd are needed, as they are from stage 1k on.
        roots: the directories of hosts, which may have data of etcd already.

    Raises:
        TenfoldError: an engine is not on this machine; says how to get it.
    """
    nginx = nginx_binaries.find()
    source = spec.database.postgres
    postgresql = postgresql_binaries.find(
        prefer_path=source == "path",
        directory=source if source.startswith("/") else None,
        major=postgresql_major,
    )
    redis = find_redis(spec.redis.server) if spec.redis and not spec.redis.url else None
    etcd = find_etcd(data=written_by(roots)) if failover else None
    patroni = require_patroni() if failover else None
    engines: tuple[Engine, ...] = (
        PostgreSQL(),
        Nginx(nginx.build),
        Acme(),
        Backup(),
        Metrics(),
        DatabaseEndpoint(nginx.build),
        Failover(nginx.build),
        Patroni(),
        Etcd(),
        Uvicorn(),
        Gunicorn(),
        Redis(),
        Worker(),
        Jobs(),
        Hypercorn(),
        Granian(),
        Command(),
    )
    return Toolbox(
        engines={engine.name: engine for engine in engines},
        binaries={
            **postgresql.programs(),
            "nginx": nginx.path,
            "python": sys.executable,
            **({REDIS_PROGRAM: redis.path} if redis else {}),
            **(etcd.programs() if etcd else {}),
            **(patroni_programs() if patroni else {}),
        },
        versions={
            "postgresql": f"PostgreSQL {postgresql.version}",
            "nginx": _named(nginx),
            "database_endpoint": _named(nginx),
            **({"redis": str(redis)} if redis else {}),
            **({"etcd": str(etcd)} if etcd else {}),
            **({"patroni": f"Patroni {patroni}"} if patroni else {}),
        },
        postgresql_major=postgresql.major,
        psql=postgresql.psql(),
        nginx=nginx,
    )
