"""The site's figures: gathered, served to a real Prometheus, kept, and no burden."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support import apps
from tests.support.hosts import until
from tests.support.ports import free_port
from tests.support.project import Project
from tests.support.redis import servers

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(1)]
Bring = Callable[[Any], Project]
Samples = dict[str, list[tuple[dict[str, str], float]]]


def watched(path: Path) -> Project:
    project = apps.diary(path)
    redis = "\n[redis]\n" if servers() else ""
    text = (path / "tenfold.toml").read_text()
    (path / "tenfold.toml").write_text(f"{text}\n[metrics]\n{redis}")
    return project


def endpoint(project: Project) -> str:
    (unit,) = project.units("metrics")
    assert unit["endpoint"].startswith("127.0.0.1:")
    return f"http://{unit['endpoint']}/metrics"


def scraped(project: Project) -> Samples:
    with urllib.request.urlopen(endpoint(project), timeout=10) as answer:
        text = answer.read().decode()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def value(samples: Samples, family: str, /, **labels: str) -> float:
    """The sum of what has these labels."""
    return sum(v for told, v in samples.get(family, []) if labels.items() <= told.items())


def test_edge_app_database_and_machine_are_in_one_place(bring: Bring) -> None:
    project = bring(watched)
    project.up()
    for _ in range(20):
        assert project.get("/notes").status == 200
    for number in range(300):
        project.get(f"/nothing/{number}")
    assert project.get("/boom").status == 500

    def all_counted() -> Samples | None:
        found = scraped(project)
        return found if value(found, "tenfold_edge_requests_total") >= 321 else None

    found = until(all_counted, "the next round", within=40)
    assert value(found, "tenfold_app_requests_total", route="/notes", code="2xx") == 20
    assert value(found, "tenfold_edge_requests_total", code="5xx") == 1
    assert value(found, "tenfold_edge_request_duration_seconds_count") >= 321
    # What visitors ask for makes no series.
    assert {told["route"] for told, _ in found["tenfold_app_requests_total"]} == {
        *("/", "/notes", "/boom", "unmatched")
    }
    assert value(found, "tenfold_postgresql_up", host="vm1") == 1
    assert value(found, "tenfold_postgresql_activity_total", name="xact_commit") > 0
    assert value(found, "tenfold_units", unit="app", state="running") == 2
    assert value(found, "tenfold_agent_up", host="vm1") == 1
    assert value(found, "tenfold_unit_memory_bytes", unit="app") > 10_000_000
    statements = [told["query"] for told, _ in found["tenfold_postgresql_statement_calls_total"]]
    assert any("notes" in query for query in statements)
    if servers():
        assert value(found, "tenfold_redis_up", host="vm1") == 1
    (site, _), *_ = found["tenfold_site_info"]
    assert (site["stage"], site["release"]) == ("10", project.status()["release"])
    assert value(found, "tenfold_transition_in_progress") == 0


def test_it_answers_this_machine_alone_and_nothing_secret(bring: Bring) -> None:
    project = bring(watched)
    project.up()
    url = endpoint(project)
    for path, host, status in (("", "evil.example", 403), ("/x", "localhost", 404)):
        request = urllib.request.Request(url + path, headers={"Host": host})
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == status
        refused.value.close()
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"Accept": "application/openmetrics-text"}), timeout=10
    ) as answer:
        text = answer.read().decode()
    assert text.endswith("# EOF\n")
    secrets = json.loads((project.path / ".tenfold/secrets.json").read_text()).values()
    assert not any(secret in text for secret in secrets)
    log = (project.path / ".tenfold/hosts/vm1/logs/metrics.log").read_text()
    assert not any(secret in log for secret in secrets)


def test_status_and_the_history_outlive_who_keeps_them(bring: Bring) -> None:
    project = bring(watched)
    project.up()

    def known() -> Any:
        project.get("/notes")
        told = project.status()["last_hour"]
        return told and told["requests"] and told["requests"]["max"] > 0 and told

    until(known, "a figure of the last hour", within=60)
    (unit,) = project.units("metrics")
    os.kill(unit["pid"], signal.SIGKILL)
    again = until(
        lambda: [u for u in project.units("metrics") if u["pid"] not in (None, unit["pid"])],
        "another one",
    )
    assert again[0]["endpoint"] == unit["endpoint"]
    assert "requests/s" in project.ok("status")
    assert "requests" in project.ok("metrics")
    points = project.ok("metrics", "requests", "--json").splitlines()
    assert max(json.loads(point)["value"] for point in points) > 0
    project.ok("down")
    assert project.status()["last_hour"]["requests"]["max"] > 0
    misspelt = project.tenfold("metrics", "requsts")
    assert misspelt.returncode == 2
    assert "did you mean requests" in misspelt.stderr


def test_without_the_table_nothing_is_gathered(running: Project) -> None:
    assert running.units("metrics") == []
    assert running.status()["last_hour"] is None
    refused = running.tenfold("metrics")
    assert refused.returncode == 1
    assert "write [metrics] into tenfold.toml" in refused.stderr


def test_a_history_that_cannot_be_written_harms_nobody(bring: Bring) -> None:
    project = bring(watched)
    project.up()
    history = project.path / ".tenfold/hosts/vm1/data/metrics/history.db"
    until(history.exists, "the history", within=30)
    # As a disk that takes nothing any more: no file can be made or grow there.
    folder = history.parent
    moved = folder.with_name("away")
    folder.rename(moved)
    folder.write_text("in the way")
    try:
        log = project.path / ".tenfold/hosts/vm1/logs/metrics.log"
        until(lambda: "the history takes nothing" in log.read_text(), "to be told", within=40)
        assert project.get("/notes").status == 200
        until(
            lambda: value(scraped(project), "tenfold_history_lost_points_total") > 0,
            "it to be counted",
            within=40,
        )
    finally:
        folder.unlink()
        moved.rename(folder)
    until(lambda: "the history goes on" in log.read_text(), "it to go on", within=40)


def test_figures_follow_a_move_there_and_back(bring: Bring) -> None:
    project = bring(watched)
    project.up()
    (before,) = project.units("metrics")
    project.ok("grow", "--to", "100", timeout=250)

    def of_both() -> Samples | None:
        found = scraped(project)
        leads = {told["host"]: v for told, v in found.get("tenfold_postgresql_leads", [])}
        return found if leads == {"app1": 0, "db1": 1} else None

    found = until(of_both, "both databases", within=60)
    assert value(found, "tenfold_agent_up") == 2
    assert "tenfold_postgresql_follower_lag_bytes" in found
    assert value(found, "tenfold_postgresql_slot_active", host="db1") == 1
    assert found["tenfold_site_info"][0][0]["stage"] == "100"
    (after,) = project.units("metrics")
    assert after["pid"] == before["pid"]
    project.ok("reverse", timeout=250)
    until(
        lambda: value(scraped(project), "tenfold_postgresql_leads", host="vm1") == 1,
        "the old leader",
        within=60,
    )


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """The real server, which scrapes the target every second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on this machine")
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "site", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.json").write_text(json.dumps(config))
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_a_real_prometheus_reads_it(bring: Bring, workplace: Path) -> None:
    project = bring(watched)
    project.up()
    target = endpoint(project).removeprefix("http://").removesuffix("/metrics")
    with prometheus(workplace, target) as url:

        def asked(query: str) -> list[dict[str, Any]]:
            try:
                with urllib.request.urlopen(f"{url}/api/v1/query?query={query}") as answer:
                    found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                    return found
            except OSError:
                return []

        def has(query: str) -> bool:
            return any(float(row["value"][1]) > 0 for row in asked(query))

        until(lambda: has("up"), "a scrape", within=40)
        until(lambda: has("tenfold_postgresql_up"), "figures of the database", within=40)
        until(
            lambda: project.get("/notes") and has("rate(tenfold_edge_requests_total[30s])"),
            "a rate of requests",
            within=60,
        )
        assert asked("tenfold_site_info")[0]["metric"]["app"] == "notes"


def test_asking_often_costs_the_site_nothing(bring: Bring) -> None:
    project = bring(watched)
    project.up()
    until(lambda: "tenfold_postgresql_up" in scraped(project), "a round", within=30)
    url = endpoint(project)
    began = scraped(project)["tenfold_gathered_timestamp_seconds"][0][1]
    deadline = time.monotonic() + 5
    count = 0
    while time.monotonic() < deadline:
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
        count += 1
    ended = scraped(project)["tenfold_gathered_timestamp_seconds"][0][1]
    assert count > 10
    # It went on at its own pace.
    assert ended - began <= 20
