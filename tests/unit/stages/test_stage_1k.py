"""The app in several zones: what is where, and what no arrangement may be without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tenfold import stages
from tenfold.errors import Refused, SpecError
from tenfold.spec.read import parse
from tenfold.stages import stage_1k, stage_100
from tenfold.stages.facts import AppFacts, Machine
from tenfold.stages.stage_1k import Zones
from tenfold.topology import zones
from tenfold.topology.model import InvalidTopology, Topology
from tenfold.topology.settings import (
    AppSettings,
    DatabaseSettings,
    EdgeSettings,
    EtcdSettings,
    PatroniSettings,
    Tls,
)
from tenfold.transitions.wire import listens, wiring

PLAIN = 'name = "my-shop"\napp = "shop:app"\n'
EVERYTHING = (
    PLAIN
    + """
[edge]
domain = "shop.example"
tls = "auto"
[redis]
[metrics]
[database.backup]
to = "/srv/backups"
[workers.mail]
command = "celery -A shop worker"
[jobs.nightly]
run = "shop tidy"
every = "12h"
"""
)
TWO_CORES = Machine(cores=2, memory_bytes=4 << 30)
UVICORN = AppFacts("uvicorn", "asgi")


def made(text: str = PLAIN, across: Zones | None = None) -> Topology:
    return stage_1k.topology(parse(text), TWO_CORES, UVICORN, across)


def where(topology: Topology) -> dict[str, list[str]]:
    return {h.name: [m.name for m in topology.on(h.name)] for h in topology.hosts}


def test_it_is_in_three_zones_and_no_two_of_them_share_a_host() -> None:
    topology = made()
    assert {h.name: h.zone for h in topology.hosts} == {
        "db1": "a",
        "db2": "b",
        "arbiter": "c",
        "app1": "a",
        "app2": "b",
    }
    assert where(topology) == {
        "db1": ["etcd", "postgres"],
        "db2": ["etcd", "postgres"],
        "arbiter": ["etcd"],
        "app1": ["database", "failover", "edge", "app"],
        "app2": ["database", "failover", "edge", "app"],
    }


def test_what_there_is_once_stays_where_it_was_and_jobs_are_kept_by_turns() -> None:
    found = where(made(EVERYTHING))
    assert set(found["app1"]) - set(found["app2"]) == {"redis", "metrics", "mail"}
    assert set(found["app2"]) == {"database", "failover", "edge", "app", "certificates", "jobs"}
    schedulers = [made(EVERYTHING).member(f"{host}/jobs") for host in ("app1", "app2")]
    assert [pool.after for pool in schedulers] == [("database", "redis"), ("database",)]
    assert set(found["db1"]) == set(found["db2"]) == {"etcd", "backup", "postgres"}
    at_100 = stage_100.topology(parse(EVERYTHING), TWO_CORES, UVICORN)
    assert set(where(at_100)["app1"]) == set(found["app1"]) - {"failover"}


def test_the_database_is_the_one_of_stage_100_in_other_hands() -> None:
    before = stage_100.database(parse(PLAIN)).settings
    first, second = (u.settings for u in made().of(PatroniSettings))
    assert isinstance(before, DatabaseSettings)
    assert isinstance(first, PatroniSettings)
    assert isinstance(second, PatroniSettings)
    assert (first.node, second.node) == (before.node, 3)
    assert (first.database, first.app_role) == (before.database, before.app_role)
    assert first.synchronous


def test_three_databases_leave_no_arbiter() -> None:
    found = where(made(PLAIN, Zones(databases=3)))
    assert found["db3"] == ["etcd", "postgres"]
    assert "arbiter" not in found
    assert len(made(PLAIN, Zones(databases=3)).app_pools) == 2


def test_five_zones_have_five_etcd_members() -> None:
    topology = made(PLAIN, Zones(("a", "b", "c", "d", "e"), 3))
    assert len(topology.of(EtcdSettings)) == 5
    assert {"arbiter1", "arbiter2"} <= {h.name for h in topology.hosts}


def test_another_zones_app_waits_for_nothing_on_other_hosts() -> None:
    topology = made(EVERYTHING)
    assert topology.member("app1/app").after == ("database", "redis")
    assert topology.member("app2/app").after == ("database",)


def edges(text: str) -> list[tuple[str | None, int, int | None]]:
    return [
        (s.address, s.port, s.tls.port if s.tls else None)
        for m in made(text).of(EdgeSettings)
        if isinstance(s := m.settings, EdgeSettings)
    ]


def test_the_second_edge_has_the_same_port_at_another_address() -> None:
    assert edges(PLAIN) == [("127.0.0.1", 8000, None), (None, 8000, None)]
    assert edges(EVERYTHING) == [("127.0.0.1", 8000, 8443), (None, 8000, 8443)]


def test_where_the_first_edge_takes_every_address_the_second_has_other_ports() -> None:
    everywhere = PLAIN + '[edge]\naddress = "0.0.0.0"\n'
    assert edges(everywhere) == [("0.0.0.0", 8000, None), ("0.0.0.0", 8001, None)]
    first = EdgeSettings(address="0.0.0.0", port=8000, tls=Tls(8001))
    found = stage_1k.edges(first, 3)
    ports = [(e.port, e.tls.port) for e in found if e.tls]
    assert len({p for pair in ports for p in pair}) == 6


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Zones(("a", "b")), "there are 2 zones"),
        (lambda: Zones(("a", "b", "b")), "zone b is named twice"),
        (lambda: Zones(databases=1), "in 1 zones, of 3"),
        (lambda: Zones(databases=4), "in 4 zones, of 3"),
        (lambda: made(PLAIN, Zones(("a", "b", "c", "d"))), "etcd has 4 members: an even number"),
    ],
)
def test_zones_that_would_not_do_are_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidTopology, match=words):
        make()


def without(topology: Topology, *paths: str) -> Topology:
    return replace(
        topology,
        units=tuple(u for u in topology.units if u.path not in paths),
        pools=tuple(p for p in topology.pools if p.path not in paths),
    )


def in_zone(topology: Topology, **moved: str) -> Topology:
    hosts = tuple(replace(h, zone=moved.get(h.name, h.zone)) for h in topology.hosts)
    return replace(topology, hosts=hosts)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda t: without(t, "arbiter/etcd", "db2/etcd"), "etcd has 1 members"),
        (lambda t: in_zone(t, arbiter="b"), "zone b has 2 etcd members"),
        (lambda t: in_zone(t, db2="a", arbiter="b"), "zone a has 2 etcd members"),
        (lambda t: in_zone(t, app2="a"), "the app is in one zone alone"),
        (lambda t: without(t, "app2/edge"), "the edge is in one zone alone"),
        (lambda t: without(t, "db2/postgres"), "database cluster main has no member to fail over"),
    ],
)
def test_a_topology_that_a_zone_can_take_along_is_refused(
    broken: Callable[[Topology], Topology], words: str
) -> None:
    def loose(topology: Topology) -> Topology:
        """Start orders that name what is left out are no matter here."""
        units = tuple(replace(u, after=()) for u in topology.units)
        return replace(topology, units=units)

    with pytest.raises(InvalidTopology, match=words):
        zones.check(broken(loose(made())))


def test_pools_serve_alike() -> None:
    one, other = (p.settings for p in made().app_pools)
    assert isinstance(one, AppSettings)
    assert one == other


def test_a_database_of_the_users_own_does_not_fail_over() -> None:
    with pytest.raises(Refused, match="yours is your own"):
        made(PLAIN + '[database]\nurl = "postgresql://db.example/shop"\n')


def test_the_command_line_reaches_it() -> None:
    stages.require_built("1k")


def test_nothing_on_a_host_listens_where_something_else_does() -> None:
    """The usual port of an edge is that of the app, and both are at the second host's address."""
    for text in (PLAIN, EVERYTHING, PLAIN + "[edge]\nport = 8001\n"):
        topology = made(text)
        addresses = {host.name: f"127.1.1.{n}" for n, host in enumerate(topology.hosts, 1)}
        places = [
            (listen.address, listen.port)
            for host, address in addresses.items()
            for listen in listens(topology, host, address)
        ]
        assert len(set(places)) == len(places), places
        endpoints = wiring(topology, addresses, leaders={"main": "db1/postgres"}).endpoints
        apps = {endpoints[f"{host}/app"] for host in ("app1", "app2")}
        assert apps <= {f"{address}:{port}" for address, port in places}
        assert len(set(endpoints.values())) == len(endpoints)


@pytest.mark.parametrize(("says", "strict"), [("go on", False), ("stop", True)])
def test_writes_stop_without_a_follower_where_the_file_says_so(says: str, strict: bool) -> None:
    topology = made(f'{PLAIN}\n[database]\nwithout_follower = "{says}"\n')
    found = [m.settings for m in topology.of(PatroniSettings)]
    assert [s.strict for s in found if isinstance(s, PatroniSettings)] == [strict, strict]


def test_with_a_database_of_ones_own_nothing_is_said_of_followers() -> None:
    with pytest.raises(SpecError, match="without_follower is for a database that Tenfold runs"):
        parse(f'{PLAIN}\n[database]\nurl = "${{DATABASE_URL}}"\nwithout_follower = "stop"\n')
