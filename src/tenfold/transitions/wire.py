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
    EtcdSettings,
    MetricsSettings,
    PatroniSettings,
    RedisSettings,
)
from tenfold.wiring.document import Database, Document, Redis

POSTGRESQL_PORT = 5432
ENDPOINT_PORT = 6432
APP_PORT = 8000
REDIS_PORT = 6379
PATRONI_PORT = 8008
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
LOOPBACK = "127.0.0.1"


def bracketed(address: str) -> str:
    """An address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def reachable(address: str) -> str:
    """Where a browser on the host itself finds what listens on this address."""
    return bracketed({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address))  # noqa: S104


def edge_url(settings: EdgeSettings, host_address: str) -> str:
    """Where this machine finds one edge, by its address."""
    scheme, port = ("https", settings.tls.port) if settings.tls else ("http", settings.port)
    return f"{scheme}://{reachable(settings.address or host_address)}:{port}"


def site_url(settings: EdgeSettings, host_address: str) -> str:
    """Where people find the site: by its own name if it has one."""
    if not settings.names:
        return edge_url(settings, host_address)
    scheme, port = ("https", settings.tls.port) if settings.tls else ("http", settings.port)
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{settings.names[0]}" + ("" if port == usual else f":{port}")


def app_port(topology: Topology, host: str) -> int:
    """Where the app listens on its host: not where an edge does that has the same address, as those
    of all zones but the first have."""
    taken = set()
    for member in topology.on(host):
        if isinstance(member.settings, EdgeSettings) and member.settings.address is None:
            tls = member.settings.tls
            taken |= {member.settings.port} | ({tls.port} if tls is not None else set())
    return next(port for port in range(APP_PORT, 1 << 16) if port not in taken)


def listens(topology: Topology, host: str, address: str) -> tuple[Listen, ...]:
    """The listening sockets that this host's agent owns: app, public, the
    database's endpoint, metrics."""
    found: list[Listen] = []
    for member in topology.on(host):
        if isinstance(member.settings, AppSettings):
            port, name = app_port(topology, host), member.name
            elsewhere = any(p.name == name and p.host != host for p in topology.pools)
            found.append(Listen(name, address, port, gives_way=elsewhere))
        elif isinstance(member.settings, EdgeSettings):
            public = member.settings.address or address
            found.append(Listen("public", public, member.settings.port))
            if member.settings.tls is not None:
                found.append(Listen("public-https", public, member.settings.tls.port))
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
    host: str | None = None,
) -> Document:
    """The document for this topology, as it is on one host.

    Args:
        topology: what there is.
        addresses: where each host is.
        release: the one that serves.
        leaders: database cluster -> path of the unit that leads it; needed where there are several.
        host: whose; by default the first that has the app.

    The app reaches a cluster through the endpoint on its own host, where there is one, or else
    through the first that there is.
    """
    endpoints: dict[str, str] = {}
    databases: dict[str, Database] = {}
    redis: Redis | None = None
    url: str | None = None
    urls: dict[str, str] = {}
    for member in topology.members():
        address = addresses[member.host]
        settings = member.settings
        if isinstance(settings, PatroniSettings):
            endpoints[f"{member.path}.api"] = f"{address}:{PATRONI_PORT}"
        if isinstance(settings, DatabaseSettings):
            endpoints[member.path] = f"{address}:{POSTGRESQL_PORT}"
            if (leaders or {}).get(settings.cluster, member.path) == member.path:
                databases[settings.cluster] = Database(
                    address, POSTGRESQL_PORT, settings.database, settings.app_role
                )
        elif isinstance(settings, EdgeSettings):
            public = bracketed(settings.address or address)
            endpoints[member.path] = f"{public}:{settings.port}"
            url = url or site_url(settings, address)
            urls[member.path] = edge_url(settings, address)
        elif isinstance(settings, EndpointSettings):
            endpoints[member.path] = f"{address}:{ENDPOINT_PORT}"
        elif isinstance(settings, EtcdSettings):
            endpoints[member.path] = f"{bracketed(address)}:{ETCD_PORT}"
            endpoints[f"{member.path}.peer"] = f"{bracketed(address)}:{ETCD_PEER_PORT}"
        elif isinstance(settings, RedisSettings):
            endpoints[member.path] = f"{bracketed(address)}:{REDIS_PORT}"
            redis = Redis(bracketed(address), REDIS_PORT)
        elif isinstance(settings, AppSettings):
            endpoints[member.path] = f"{address}:{app_port(topology, member.host)}"
    here = host or next((pool.host for pool in topology.app_pools), None)
    every = topology.of(EndpointSettings)
    # The one that counts comes last.
    for member in (*reversed(every), *(m for m in every if m.host == here)):
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
        urls=urls,
        endpoints=endpoints,
        databases=databases,
        redis=redis,
    )
