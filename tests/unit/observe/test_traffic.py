from __future__ import annotations

from tenfold.observe.traffic import by_route, whole

METRICS = {
    "bounds": [0.001, 0.002, 0.004],
    "routes": [
        {
            "method": "GET",
            "route": "/notes",
            "classes": {"2xx": 98, "5xx": 2},
            "buckets": {"0": 90, "1": 8, "3": 2},
            "seconds": 0.2,
        },
        {
            "method": "POST",
            "route": "/notes",
            "classes": {"2xx": 300},
            "buckets": {"1": 300},
            "seconds": 0.5,
        },
    ],
}


def test_the_whole_adds_up() -> None:
    found = whole(METRICS)
    assert (found.requests, found.failed) == (400, 2)
    assert (found.p50_ms, found.p99_ms) == (2.0, 2.0)


def test_routes_come_busiest_first_with_quantiles_of_their_own() -> None:
    first, second = by_route(METRICS)
    assert (first.name, first.requests) == ("POST /notes", 300)
    assert (second.p50_ms, second.p99_ms) == (1.0, 4.0)


def test_what_is_slower_than_every_bound_counts_as_the_last() -> None:
    slow = {"bounds": [0.001], "routes": [{**METRICS["routes"][0], "buckets": {"1": 5}}]}
    assert whole(slow).p50_ms == 1.0


def test_no_requests_have_no_quantiles() -> None:
    found = whole({})
    assert (found.requests, found.p50_ms, found.p99_ms) == (0, None, None)
