from __future__ import annotations

import json
from typing import Any

from tenfold.metrics.snapshot import Histogram
from tenfold.metrics.traffic import BOUNDS, MAX_ROUTES, AppTraffic, EdgeTraffic, quantile, since
from tenfold.runtime import metrics as runtime


def line(status: int, seconds: float, path: str = "/") -> bytes:
    """As ``log_format`` of the edge writes it."""
    told = {"path": path, "protocol": "HTTP/1.1", "status": status, "received_bytes": 10}
    told |= {"sent_bytes": 200, "seconds": seconds, "app_seconds": None, "agent": "x"}
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def test_the_edges_lines_are_counted_by_class_and_time() -> None:
    edge = EdgeTraffic()
    edge.add(line(200, 0.0005) + line(204, 0.003) + line(502, 70.0) + line(0, 1.0))
    found = edge.total()
    assert found.classes == {"2xx": 2, "5xx": 1, "0xx": 1}
    assert found.histogram.count == 4
    assert found.histogram.counts[0] == 1
    assert found.histogram.counts[-1] == 1
    assert (found.received_bytes, found.sent_bytes) == (40, 800)


def test_no_path_passes_for_a_status() -> None:
    edge = EdgeTraffic()
    edge.add(line(200, 0.001, '/"status":599,"received_bytes":1,"sent_bytes":1,"seconds":1'))
    edge.add(b'{"half a line "status":\n')
    assert edge.total().classes == {"2xx": 1}


def worker(*requests: tuple[str, int, float]) -> dict[str, Any]:
    """What a worker's own counters say after these requests."""
    routes = runtime.Routes()
    for route, status, seconds in requests:
        routes.route("GET", route).add(status, seconds)
    return runtime.answer([routes.snapshot()])


def counted(app: AppTraffic) -> dict[str, dict[str, int]]:
    return {route.route: dict(route.classes) for route in app.total()}


def test_every_bound_of_the_wrapper_falls_into_a_bucket_that_is_no_smaller() -> None:
    app = AppTraffic()
    app.add(worker(*[("/", 200, bound) for bound in runtime.BOUNDS]), ["a"])
    (route,) = app.total()
    assert route.histogram.count == len(runtime.BOUNDS)
    assert route.histogram.counts[0] == 5
    assert all(bound in runtime.BOUNDS for bound in BOUNDS)


def test_what_gone_workers_counted_is_kept() -> None:
    app = AppTraffic()
    app.add(worker(("/", 200, 0.01), ("/", 200, 0.01)), ["a"])
    app.add(worker(("/", 200, 0.01)), ["b"])
    assert counted(app) == {"/": {"2xx": 3}}
    app.add(worker(("/", 200, 0.01), ("/", 500, 0.01)), ["b"])
    assert counted(app) == {"/": {"2xx": 3, "5xx": 1}}


def test_a_worker_that_crashed_makes_no_wave_of_requests() -> None:
    app = AppTraffic()
    many = [("/", 200, 0.01)] * 1000
    app.add(worker(*many), ["a", "b"])
    app.add(worker(*many[:600]), ["a", "c"])
    assert counted(app) == {"/": {"2xx": 1000}}


def test_workers_of_the_same_name_on_two_hosts_are_two() -> None:
    app = AppTraffic()
    for count in (1, 2, 3):
        app.add(worker(*[("/", 200, 0.01)] * count), [("app.1.1", 7)], host="app1")
        app.add(worker(*[("/", 200, 0.01)] * (10 * count)), [("app.1.1", 7)], host="app2")
    assert counted(app) == {"/": {"2xx": 33}}


def test_routes_are_bounded() -> None:
    app = AppTraffic()
    app.add(worker(*[(f"/{n}", 200, 0.01) for n in range(400)]), ["a"])
    app.add(worker(*[(f"/other/{n}", 200, 0.01) for n in range(400)]), ["b"])
    assert len(app.total()) == MAX_ROUTES + 1
    assert sum(sum(r.classes.values()) for r in app.total()) == 800


def test_quantiles_of_what_came_meanwhile() -> None:
    before = Histogram((0.1, 1.0), (5, 0, 0), 0.2)
    now = Histogram((0.1, 1.0), (14, 1, 0), 1.4)
    fresh = since(now, before)
    assert fresh.counts == (9, 1, 0)
    assert (quantile(fresh, 0.5), quantile(fresh, 0.95)) == (0.1, 1.0)
    assert quantile(since(now, now), 0.5) is None
