"""Where everything is, where the app is on several hosts."""

from __future__ import annotations

from dataclasses import replace

from tests.support.topologies import one_host, two_zones

from tenfold.topology.model import Topology
from tenfold.topology.process import Listen
from tenfold.topology.settings import EdgeSettings, Tls
from tenfold.transitions.wire import listens, wiring
from tenfold.wiring.document import from_json

ADDRESSES = {"vm1": "127.9.9.1", "db1": "127.9.9.2", "app1": "127.9.9.3", "app2": "127.9.9.4"}


def with_edges(**settings: object) -> Topology:
    """The second edge at the address of its host."""
    topology = two_zones()
    second = replace(EdgeSettings(address=None), **settings)  # type: ignore[arg-type]
    units = tuple(
        replace(u, settings=second) if u.path == "app2/edge" else u for u in topology.units
    )
    return replace(topology, units=units)


def test_every_host_has_the_database_at_its_own_endpoint() -> None:
    found = {
        host: wiring(two_zones(), ADDRESSES, host=host).databases["main"].host
        for host in ("app1", "app2", "db1", None)
    }
    assert found == {
        "app1": "127.9.9.3",
        "app2": "127.9.9.4",
        "db1": "127.9.9.3",
        None: "127.9.9.3",
    }


def test_the_site_is_at_the_first_edge_and_each_edge_has_an_address() -> None:
    document = wiring(with_edges(), ADDRESSES)
    assert document.url == "http://127.0.0.1:8000"
    assert document.urls == {
        "app1/edge": "http://127.0.0.1:8000",
        "app2/edge": "http://127.9.9.4:8000",
    }
    assert from_json(document.to_json()) == document


def test_the_site_is_called_by_its_name_and_its_edges_by_their_addresses() -> None:
    topology = with_edges(names=("shop.example",), tls=Tls(8443))
    first = EdgeSettings(names=("shop.example",), tls=Tls(8443))
    units = tuple(
        replace(u, settings=first) if u.path == "app1/edge" else u for u in topology.units
    )
    document = wiring(replace(topology, units=units), ADDRESSES)
    assert document.url == "https://shop.example:8443"
    assert document.urls["app2/edge"] == "https://127.9.9.4:8443"


def test_an_edge_without_an_address_listens_at_its_hosts() -> None:
    topology = with_edges(tls=Tls(8443))
    found = [s for s in listens(topology, "app2", "127.9.9.4") if s.name.startswith("public")]
    assert found == [
        Listen("public", "127.9.9.4", 8000),
        Listen("public-https", "127.9.9.4", 8443),
    ]


def test_the_app_gives_way_where_it_is_elsewhere_too() -> None:
    for host in ("app1", "app2"):
        found = listens(two_zones(), host, ADDRESSES[host])
        assert [s.name for s in found if s.gives_way] == ["app"]
    assert not any(s.gives_way for s in listens(one_host(), "vm1", "127.9.9.1"))


def test_with_one_host_everything_is_as_it_was() -> None:
    document = wiring(one_host(), ADDRESSES)
    assert document.url == "http://127.0.0.1:8000"
    assert document.databases["main"].host == "127.9.9.1"
