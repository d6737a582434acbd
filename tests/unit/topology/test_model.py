import pytest
from tests.support.topologies import one_host

from tenfold.topology.model import Host, InvalidTopology, Pool, Topology, Unit, start_order
from tenfold.topology.settings import DatabaseSettings, EdgeSettings, Settings


def unit(name: str, *, host: str = "vm1", after: tuple[str, ...] = ()) -> Unit:
    return Unit(name, "any", host, Settings(), after)


def test_a_unit_starts_behind_everything_it_comes_after() -> None:
    order = [m.name for m in start_order(one_host().on("vm1"))]
    assert order.index("postgres") < order.index("app") < order.index("edge")


def test_a_circle_of_dependencies_is_refused_with_its_members() -> None:
    with pytest.raises(InvalidTopology, match="circle: a, b"):
        Topology("x", "10", (Host("vm1"),), (unit("a", after=("b",)), unit("b", after=("a",))))


def test_two_members_of_one_name_on_one_host_are_refused() -> None:
    with pytest.raises(InvalidTopology, match="vm1/a appears 2 times"):
        Topology("x", "10", (Host("vm1"),), (unit("a"), unit("a")))


def test_one_name_on_two_hosts_is_fine() -> None:
    hosts = (Host("a1"), Host("b1"))
    assert Topology("x", "1k", hosts, (unit("edge", host="a1"), unit("edge", host="b1")))


def test_a_unit_on_an_unknown_host_is_refused() -> None:
    with pytest.raises(InvalidTopology, match="host that does not exist"):
        Topology("x", "10", (Host("vm1"),), (unit("a", host="vm2"),))


def test_a_dependency_on_nothing_is_refused() -> None:
    with pytest.raises(InvalidTopology, match="comes after ghost"):
        Topology("x", "10", (Host("vm1"),), (unit("a", after=("ghost",)),))


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (3, 2), (0, 0)])
def test_a_pool_with_impossible_bounds_is_refused(low: int, high: int) -> None:
    pool = Pool("app", "any", "vm1", Settings(), low, high)
    with pytest.raises(InvalidTopology, match="vm1/app has"):
        Topology("x", "10", (Host("vm1"),), pools=(pool,))


def test_members_are_found_by_what_they_are_told_to_do() -> None:
    topology = one_host()
    assert [m.path for m in topology.of(DatabaseSettings)] == ["vm1/postgres"]
    assert [m.path for m in topology.of(EdgeSettings)] == ["vm1/edge"]
    with pytest.raises(KeyError):
        topology.member("vm1/ghost")
