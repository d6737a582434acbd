"""Stage 1k: the app, still one monolith, in several zones; a database that fails over by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address

from tenfold.errors import Refused
from tenfold.spec.model import AppSpec
from tenfold.stages import stage_10, stage_100
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology import zones
from tenfold.topology.model import Host, InvalidTopology, Pool, Topology, Unit
from tenfold.topology.settings import (
    EdgeSettings,
    EndpointSettings,
    EtcdSettings,
    FailoverSettings,
    PatroniSettings,
    Tls,
)

SERVING = 2
"""In how many zones app and edge are."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The zones, those with the app first, and in how many of them the database is.

    Raises:
        InvalidTopology: a zone has no name of its own, or there are more databases than zones.
    """

    names: tuple[str, ...] = ("a", "b", "c")
    databases: int = 2

    def __post_init__(self) -> None:
        if len(self.names) < zones.LEAST_ZONES:
            raise InvalidTopology(
                f"there are {len(self.names)} zones: with fewer than {zones.LEAST_ZONES} nobody can"
                " tell a zone that is lost from one that is only not heard"
            )
        for name in self.names:
            if self.names.count(name) > 1:
                raise InvalidTopology(f"zone {name} is named twice: zones share no host")
        if not zones.LEAST_SERVING <= self.databases <= len(self.names):
            raise InvalidTopology(
                f"the database is to be in {self.databases} zones, of {len(self.names)}: it takes"
                f" at least {zones.LEAST_SERVING} to fail over, and each has a zone of its own"
            )


def across_of(spec: AppSpec) -> Zones:
    """What ``[zones]`` says."""
    return Zones(spec.zones.names, spec.zones.databases)


def topology(
    spec: AppSpec, machine: Machine, facts: AppFacts, across: Zones | None = None
) -> Topology:
    """Edge and app in two zones; the database in two or three, in Patroni's care; etcd in all.

    What there is once stays on the first app host, where it was at stage 100: the Redis-compatible
    server, whose data is there, and beside it the background workers and who gathers figures.
    Backups are kept beside every database, and made by whoever leads; the scheduled jobs are kept
    beside every app, and run by whoever holds the lease for that in etcd.

    Raises:
        Refused: the database is the user's own.
        InvalidTopology: it would not survive the loss of a zone.
    """
    require_database(spec)
    across = across or across_of(spec)
    found = Topology(
        app=spec.name,
        stage="1k",
        hosts=tuple(_hosts(across, machine)),
        units=tuple(_units(spec, facts, across)),
        pools=(
            *(_pool(spec, machine, facts, app_host(n)) for n in range(SERVING)),
            *stage_10.workers(spec, host=app_host(0), after=("database",)),
            *(
                pool
                for n in range(1, SERVING)
                for pool in stage_10.schedulers(spec, app_host(n), ("database",))
            ),
        ),
    )
    zones.check(found)
    return found


def require_database(spec: AppSpec) -> None:
    """See that Tenfold runs the database. Raises ``Refused``, see :func:`topology`."""
    if not stage_10.runs_database(spec):
        raise Refused(
            "stage 1k has the database fail over by itself, and yours is your own: [database] url",
            next="stay at stage 10: whoever runs that database sees to it",
        )


def app_host(number: int) -> str:
    """What the app's host in this zone, counted from 0, is called."""
    return f"app{number + 1}"


def database_host(number: int) -> str:
    """What the database's host in this zone, counted from 0, is called."""
    return f"db{number + 1}"


def arbiter_host(number: int, across: Zones) -> str:
    """What the host is called that has a zone's etcd alone."""
    only = len(across.names) == across.databases + 1
    return "arbiter" if only else f"arbiter{number - across.databases + 1}"


def etcd_host(number: int, across: Zones) -> str:
    """The host of this zone's etcd: beside the database, where that is."""
    return database_host(number) if number < across.databases else arbiter_host(number, across)


def _hosts(across: Zones, machine: Machine) -> Iterator[Host]:
    """Databases first: whoever uses them is started behind them."""
    for number, zone in enumerate(across.names):
        yield replace(stage_100.host(etcd_host(number, across), machine), zone=zone)
    for number in range(SERVING):
        yield replace(stage_100.host(app_host(number), machine), zone=across.names[number])


def _units(spec: AppSpec, facts: AppFacts, across: Zones) -> Iterator[Unit]:
    for number in range(len(across.names)):
        yield etcd(etcd_host(number, across))
    for number in range(across.databases):
        yield from stage_10.backup(spec, database_host(number))
        yield database(spec, number)
    first = stage_10.edge(spec, pages=facts.pages)
    for number, own in enumerate(edges(first, SERVING)):
        host = app_host(number)
        yield endpoint(host)
        yield Unit("failover", "failover", host, FailoverSettings(), after=("database",))
        yield from stage_10.redis(spec, host) if number == 0 else ()
        yield Unit("edge", "nginx", host, own, after=("app",))
        yield from stage_10.certificates(spec, host)
        yield from stage_10.metrics(spec, host) if number == 0 else ()


def etcd(host: str) -> Unit:
    """A member of the etcd cluster."""
    return Unit("etcd", "etcd", host, EtcdSettings())


def database(spec: AppSpec, number: int) -> Unit:
    """A member of the database cluster: the first is what it was at stage 100, node 2."""
    plain = stage_10.database(spec, node=number + 2)
    stops = spec.database.without_follower == "stop"
    settings = PatroniSettings(**asdict(plain), strict=stops)
    return Unit("postgres", "patroni", database_host(number), settings, after=("etcd",))


def endpoint(host: str) -> Unit:
    """Where the app on this host reaches whoever leads."""
    return Unit("database", "database_endpoint", host, EndpointSettings())


def edges(first: EdgeSettings, count: int) -> tuple[EdgeSettings, ...]:
    """The settings of so many edges.

    The first is where the file says. The others listen at the same ports of their own hosts, as the
    addresses do that one name leads to. Where the first one listens at more than this machine's own
    address, there is no other one on the same machine: then it is the ports that differ.
    """
    assert first.address is not None
    if ip_address(first.address).is_loopback or first.port == 0:
        return (first, *(replace(first, address=None) for _ in range(1, count)))
    taken = {first.port} | ({first.tls.port} if first.tls else set())
    found = [first]
    for _ in range(1, count):
        step = 1
        while not taken.isdisjoint(_ports(first, step)):
            step += 1
        taken |= _ports(first, step)
        found.append(replace(first, port=first.port + step, tls=_tls(first.tls, step)))
    return tuple(found)


def _ports(first: EdgeSettings, step: int) -> set[int]:
    return {first.port + step} | ({first.tls.port + step} if first.tls else set())


def _tls(tls: Tls | None, step: int) -> Tls | None:
    return None if tls is None else replace(tls, port=tls.port + step)


def _pool(spec: AppSpec, machine: Machine, facts: AppFacts, host: str) -> Pool:
    """The app's workers; of another host nothing is waited for."""
    pool = stage_10.pool(spec, machine, facts, host=host, after=("database",))
    return pool if host == app_host(0) else replace(pool, after=("database",))
