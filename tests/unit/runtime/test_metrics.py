from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.runtime.metrics import BOUNDS, MAX_ROUTES, Route, Routes, answer, merge
from tenfold.wiring import control


def test_bounds_grow_evenly_so_that_quantiles_are_off_by_a_fifth_at_most() -> None:
    ratios = [after / before for before, after in itertools.pairwise(BOUNDS)]
    assert all(math.isclose(ratio, math.sqrt(2), rel_tol=0.01) for ratio in ratios)
    assert BOUNDS[0] <= 0.001
    assert BOUNDS[-1] >= 60


@given(st.floats(min_value=0, max_value=1e6))
def test_a_request_lands_in_the_bucket_whose_bound_it_keeps(seconds: float) -> None:
    route = Route()
    route.add(200, seconds)
    bucket = route.buckets.index(1)
    assert bucket == len(BOUNDS) or seconds <= BOUNDS[bucket]
    assert bucket == 0 or seconds > BOUNDS[bucket - 1]


def test_answers_are_counted_by_class() -> None:
    routes = Routes()
    for status in (200, 204, 301, 404, 500, 599, 101):
        routes.route("GET", "/").add(status, 0.01)
    (entry,) = routes.snapshot()
    assert entry["classes"] == {"1xx": 1, "2xx": 2, "3xx": 1, "4xx": 1, "5xx": 2}
    assert routes.total() == 7


def test_clients_cannot_make_it_grow() -> None:
    routes = Routes()
    for number in range(3 * MAX_ROUTES):
        routes.route("GET", f"/route-{number}").add(200, 0.001)
        routes.route(f"METHOD-{number}", "unmatched").add(405, 0.001)
    snapshot = routes.snapshot()
    assert len(snapshot) <= MAX_ROUTES + 2
    assert {entry["method"] for entry in snapshot} == {"GET", "OTHER"}
    assert routes.total() == 6 * MAX_ROUTES


def test_the_fullest_answer_fits_into_a_line_of_the_control_protocol() -> None:
    routes = Routes()
    for number in range(MAX_ROUTES):
        route = routes.route("DELETE", f"/a/rather/long/{{template}}/of/a/route/{number}")
        for bound in (*BOUNDS, 100):
            for status in (200, 300, 400, 500):
                route.add(status, bound)
    line = control.encode(answer([routes.snapshot()]))
    assert len(line) < control.MAX_LINE_BYTES


def test_processes_are_summed() -> None:
    one, other = Routes(), Routes()
    one.route("GET", "/").add(200, 0.1)
    one.route("POST", "/").add(201, 0.1)
    other.route("GET", "/").add(200, 0.1)
    other.route("GET", "/").add(500, 0.2)
    merged = {(e["method"], e["route"]): e for e in merge([one.snapshot(), other.snapshot()])}
    assert merged["GET", "/"]["classes"] == {"2xx": 2, "5xx": 1}
    assert merged["GET", "/"]["seconds"] == pytest.approx(0.4)
    assert sum(merged["GET", "/"]["buckets"].values()) == 3
    assert merged["POST", "/"]["classes"] == {"2xx": 1}
    assert sum(one.snapshot()[0]["buckets"].values()) == 1
