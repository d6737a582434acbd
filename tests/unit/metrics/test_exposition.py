from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.metrics.snapshots import AT, database, histogram, snapshot

from tenfold.metrics.exposition import Families
from tenfold.metrics.snapshot import Database, Job, Route, Snapshot, Statement
from tenfold.metrics.traffic import MAX_ROUTES


def registry(told: Snapshot | None) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(Families(lambda: told))
    return made


def samples(told: Snapshot) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(registry(told)).decode()
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_nothing_is_told_before_the_first_round() -> None:
    assert generate_latest(registry(None)) == b""


def test_figures_are_there_with_their_labels() -> None:
    found = samples(snapshot())
    assert found["tenfold_edge_requests_total", (("code", "5xx"),)] == 10
    route = (("method", "GET"), ("route", "/notes/{id}"))
    assert found["tenfold_app_request_duration_seconds_count", route] == 90
    assert found["tenfold_app_request_duration_seconds_bucket", (("le", "0.001"), *route)] == 80
    assert found["tenfold_postgresql_up", (("host", "vm1"),)] == 1
    follower = (("follower", "db1"), ("host", "vm1"), ("state", "streaming"))
    assert found["tenfold_postgresql_follower_lag_bytes", follower] == 64
    assert found["tenfold_redis_memory_bytes", (("host", "vm1"),)] == 1e6
    ends = "tenfold_certificate_not_after_timestamp_seconds"
    assert found[ends, ()] == AT + 86_400 * 60


def test_jobs_are_there_each_under_its_name() -> None:
    found = samples(snapshot(jobs=(Job("vm1", "nightly", 2, "failed", 3, AT, 1.5, 1),)))
    labels = (("host", "vm1"), ("job", "nightly"))
    assert found["tenfold_job_bad_runs", labels] == 2
    assert found["tenfold_job_ended_timestamp_seconds", labels] == AT
    assert found["tenfold_job_run_seconds", labels] == 1.5
    assert found["tenfold_job_running", labels] == 1


def test_a_server_that_lets_nobody_in_has_no_figures_but_that() -> None:
    found = samples(snapshot(databases=(Database("vm1", up=False, why="refused"),)))
    names = {name for name, _ in found if name.startswith("tenfold_postgresql")}
    assert names == {"tenfold_postgresql_up"}


def test_openmetrics_is_as_good() -> None:
    text = openmetrics(registry(snapshot())).decode()
    assert len(list(read_openmetrics(text))) > 30


def everything() -> Iterator[Snapshot]:
    yield snapshot()
    yield snapshot(transition="grow", databases=(), redis=(), routes=(), certificate=None)
    odd = 'sel"ect\n\\ ü'
    yield snapshot(
        routes=tuple(
            Route("GET", f"/{n}{odd}", {"2xx": 1}, histogram(1)) for n in range(MAX_ROUTES)
        ),
        databases=(database(statements=(Statement("1", odd, 1, 1.0, 1),)),),
    )


@pytest.mark.parametrize("told", tuple(everything()))
def test_prometheus_own_tool_has_nothing_to_say(told: Snapshot) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("no promtool on this machine")
    text = generate_latest(registry(told))
    done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
