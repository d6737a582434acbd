"""Wiring from topology and place: where everything is, as the app and the engines read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tenfold.topology.model import Topology
from tenfold.topology.process import Listen
from tenfold.topology.settings import (
    AppSettings,
    DatabaseSettings,
    EdgeSettings,
    EndpointSettings,
    MetricsSettings,
    RedisSettings,
)
from tenfold.wiring.document import Database, Document, Redis

POSTGRESQL_PORT = 5432
ENDPOINT_PORT = 6432
APP_PORT = 8000
REDIS_PORT = 6379
LOOPBACK = "127.0.0.1"


def bracketed(address: str) -> str:
    """An address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def reachable(address: str) -> str:
    """Where a browser on the host itself finds what listens on this address."""
    return bracketed({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address))  # noqa: S104


def site_url(settings: EdgeSettings) -> str:
    """Where people find the site: by its own name if it has one."""
    scheme, port = ("https", settings.tls.port) if settings.tls else ("http", settings.port)
    if not settings.names:
        return f"{scheme}://{reachable(settings.address)}:{port}"
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{settings.names[0]}" + ("" if port == usual else f":{port}")


def listens(topology: Topology, host: str, address: str) -> tuple[Listen, ...]:
    """The listening sockets that this host's agent owns: app, public, the
    database's endpoint, metrics."""
    found: list[Listen] = []
    for member in topology.on(host):
        if isinstance(member.settings, AppSettings):
            found.append(Listen(member.name, address, APP_PORT))
        elif isinstance(member.settings, EdgeSettings):
            found.append(Listen("public", member.settings.address, member.settings.port))
            if member.settings.tls is not None:
                secure = member.settings.tls.port
                found.append(Listen("public-https", member.settings.address, secure))
        elif isinstance(member.settings, MetricsSettings):
            found.append(Listen(member.name, LOOPBACK, member.settings.port))
        elif isinstance(member.settings, EndpointSettings):
            found.append(Listen(member.name, address, ENDPOINT_PORT))
    return tuple(found)


def wiring(
    topology: Topology,
    addresses: Mapping[str, str],
    *,
    release: str | None = None,
    leaders: Mapping[str, str] | None = None,
) -> Document:
    """The document for this topology.

    Args:
        topology: what there is.
        addresses: where each host is.
        release: the one that serves.
        leaders: database cluster -> path of the unit that leads it; needed where there are several.

    The app reaches a cluster through the endpoint on its own host, where there is one.
    """
    endpoints: dict[str, str] = {}
    databases: dict[str, Database] = {}
    redis: Redis | None = None
    url: str | None = None
    for member in topology.members():
        address = addresses[member.host]
        settings = member.settings
        if isinstance(settings, DatabaseSettings):
            endpoints[member.path] = f"{address}:{POSTGRESQL_PORT}"
            if (leaders or {}).get(settings.cluster, member.path) == member.path:
                databases[settings.cluster] = Database(
                    address, POSTGRESQL_PORT, settings.database, settings.app_role
                )
        elif isinstance(settings, EdgeSettings):
            endpoints[member.path] = f"{bracketed(settings.address)}:{settings.port}"
            url = site_url(settings)
        elif isinstance(settings, EndpointSettings):
            endpoints[member.path] = f"{address}:{ENDPOINT_PORT}"
        elif isinstance(settings, RedisSettings):
            endpoints[member.path] = f"{bracketed(address)}:{REDIS_PORT}"
            redis = Redis(bracketed(address), REDIS_PORT)
        elif isinstance(settings, AppSettings):
            endpoints[member.path] = f"{address}:{APP_PORT}"
    for member in topology.of(EndpointSettings):
        assert isinstance(member.settings, EndpointSettings)
        known = databases[member.settings.cluster]
        databases[member.settings.cluster] = replace(
            known, host=addresses[member.host], port=ENDPOINT_PORT
        )
    return Document(
        app=topology.app,
        stage=topology.stage,
        release=release,
        url=url,
        endpoints=endpoints,
        databases=databases,
        redis=redis,
    )
