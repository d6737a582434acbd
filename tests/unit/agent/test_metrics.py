from __future__ import annotations

from tenfold.agent.metrics import summed, total


def row(**fields: object) -> dict[str, object]:
    return {"method": "GET", "route": "/a", **fields}


def test_numbers_of_the_same_route_add_up() -> None:
    one = {"ok": True, "bounds": [1, 2], "routes": [row(seconds=1.5, classes={"2xx": 3})]}
    two = {"ok": True, "routes": [row(seconds=2.0, classes={"2xx": 1, "5xx": 2})]}
    assert total([one, two]) == {
        "bounds": [1, 2],
        "workers": 2,
        "routes": [row(seconds=3.5, classes={"2xx": 4, "5xx": 2})],
    }


def test_other_routes_and_methods_stay_apart() -> None:
    routes = [row(n=1), row(n=1, method="POST"), row(n=1, route="/b")]
    assert total([{"routes": routes}, {"routes": routes}])["routes"] == [
        row(n=2),
        row(n=2, method="POST"),
        row(n=2, route="/b"),
    ]


def test_maxima_are_not_added_and_lists_are_added_by_position() -> None:
    one, two = row(max_seconds=3, buckets=[1, 2, 3]), row(max_seconds=2, buckets=[1, 1])
    assert total([{"routes": [one]}, {"routes": [two]}])["routes"] == [
        row(max_seconds=3, buckets=[2, 3, 3])
    ]


def test_nobody_measured_nothing() -> None:
    assert total([]) == {"workers": 0, "routes": []}


def test_pools_on_several_hosts_are_one() -> None:
    pool = {"bounds": [1, 2], "workers": 2, "routes": [row(n=1)]}
    assert summed([pool, pool]) == {"bounds": [1, 2], "workers": 4, "routes": [row(n=2)]}
    assert summed([pool]) == pool
    assert summed([]) == {}
