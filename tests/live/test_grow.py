"""The database moves to a host of its own and back, while users write."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.users import Users

from tenfold.transitions.perform.databases import size
from tenfold.transitions.perform.holding import BRIEF_TRIES

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]
SLOW_SECONDS, SLOW_CLIENTS = 0.3, 6
LOG_THAT_IS_KEPT = "select pg_size_bytes(current_setting('max_slot_wal_keep_size'))"


def hosts(project: Project) -> dict[str, set[str]]:
    return {
        h["name"]: {u["engine"] for u in h["units"]} - {"tenfold"}
        for h in project.status()["hosts"]
    }


def signs(plan: dict[str, Any]) -> dict[str, set[str]]:
    """What a plan adds, changes and removes, by its sign."""
    return {sign: {row["path"] for row in plan["changes"] if row["sign"] == sign} for sign in "+~-"}


def notes(project: Project) -> list[str]:
    found = project.get("/notes").json()
    assert isinstance(found, list)
    return sorted(found)


@pytest.mark.always
def test_there_and_back_and_there_for_good_while_users_write(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project) as users:
        said = project.ok("grow", "--to", "100", timeout=200)
        assert "report " in said
        assert project.status()["stage"] == "100"
        assert project.status()["transition"]["may"] == ["complete", "reverse"]
        assert hosts(project) == {
            "app1": {"postgresql", "uvicorn", "nginx", "database_endpoint"},
            "db1": {"postgresql"},
        }
        project.ok("reverse", timeout=200)
        assert project.status()["stage"] == "10"
        assert hosts(project) == {
            "vm1": {"postgresql", "uvicorn", "nginx"},
            "db1": {"postgresql"},
        }
        project.ok("grow", "--to", "100", timeout=200)
        project.ok("complete", "--yes", timeout=200)
        assert hosts(project) == {
            "app1": {"uvicorn", "nginx", "database_endpoint"},
            "db1": {"postgresql"},
        }
        assert project.status()["transition"] is None
    assert users.failures == []
    assert notes(project) == sorted(users.acknowledged)


def test_an_app_with_migrations_moves_and_deploys_on_both_sides(bring: Bring) -> None:
    project = bring(apps.ledger)
    project.up()
    assert project.request("POST", "/lines", body=b"a").status == 201
    project.ok("grow", "--to", "100", timeout=200)
    assert project.request("POST", "/lines", body=b"b").status == 201
    project.ok("deploy")
    assert project.get("/lines").json() == ["a", "b"]
    project.ok("reverse", timeout=200)
    assert project.request("POST", "/lines", body=b"c").status == 201
    assert project.get("/lines").json() == ["a", "b", "c"]
    project.ok("abort", timeout=200)
    assert hosts(project) == {"vm1": {"postgresql", "gunicorn", "nginx"}}
    assert project.ok("psql", "--", "-Atc", "select count(*) from pg_replication_slots") == "0\n"


def test_what_was_prepared_waits_and_can_be_given_up(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.ok("grow", "--to", "100", "--prepare-only", timeout=200)
    status = project.status()
    assert (status["stage"], status["transition"]["phase"]) == ("10", "prepared")
    refused = project.tenfold("complete", "--yes")
    assert refused.returncode == 1
    assert "not made yet" in refused.stderr
    project.ok("down")
    project.up()
    assert project.status()["state"] == "running"
    project.ok("grow", "--to", "100", timeout=200)
    assert project.status()["transition"]["phase"] == "switched"


def test_an_app_that_writes_when_it_starts_is_found_out_before_and_waits_longer(
    bring: Bring,
) -> None:
    project = bring(apps.notes)
    text = (project.path / "tenfold.toml").read_text()
    project.write("tenfold.toml", text + '\n[transition]\nmax_hold = "14s"\n')
    project.up()
    project.ok("grow", "--to", "100", "--prepare-only", timeout=200)
    planned = project.tenfold("plan", "--to", "100")
    assert "writes when it starts" in planned.stdout, planned.stdout
    assert re.search(r"promote \d+, start \d+, hand over \d+", planned.stdout), planned.stdout
    with Users(project, 2) as users:
        project.ok("grow", "--to", "100", timeout=200)
    assert users.failures == []
    assert notes(project) == sorted(users.acknowledged)


@pytest.mark.parametrize(
    ("max_hold", "told"),
    [("1s", "max_hold = "), ("14s", "a trial start on the copy found")],
    ids=["no time to start", "another order than planned"],
)
def test_what_the_trial_start_finds_refuses_the_switch_and_says_how_it_goes_on(
    bring: Bring, max_hold: str, told: str
) -> None:
    project = bring(apps.notes)
    text = (project.path / "tenfold.toml").read_text()
    project.write("tenfold.toml", f'{text}\n[transition]\nmax_hold = "{max_hold}"\n')
    project.up()
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    refused = project.tenfold("grow", "move.json", timeout=200)
    assert refused.returncode == 1
    words = ("when it starts", told, "writes go to vm1/postgres", "tenfold resume", "tenfold abort")
    for said in words:
        assert said in refused.stderr, refused.stderr
    assert hosts(project)["db1"] == {"postgresql"}
    project.write("tenfold.toml", f'{text}\n[transition]\nmax_hold = "14s"\n')
    project.ok("resume", timeout=200)
    assert project.status()["stage"] == "100"


def test_a_kept_plan_is_prepared_alone_and_leads_back_as_well(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    project.ok("grow", "--prepare-only", "move.json", timeout=200)
    assert project.status()["transition"]["phase"] == "prepared"
    project.ok("grow", "--to", "100", timeout=200)
    project.ok("complete", "--yes", timeout=200)
    planned = project.tenfold("plan", "--to", "10", "-o", "back.json")
    assert "tenfold shrink back.json" in planned.stdout
    back = json.loads(project.tenfold("plan", "--to", "10", "--json").stdout)
    assert signs(back)["-"] == {"vm1/database", "db1", "db1/postgres"}
    project.ok("shrink", "back.json", timeout=200)
    assert project.status()["stage"] == "10"


def test_answers_that_always_take_long_make_nobody_else_wait_for_them_at_first(
    bring: Bring,
) -> None:
    project = bring(apps.diary)
    project.up()
    over = threading.Event()

    def ask(number: int) -> list[int]:
        time.sleep(number * SLOW_SECONDS / SLOW_CLIENTS)  # one after the other, not together
        found = []
        while not over.is_set():
            found.append(project.get(f"/slow?seconds={SLOW_SECONDS}").status)
        return found

    with ThreadPoolExecutor(SLOW_CLIENTS) as pool, Users(project, 2) as users:
        asked = [pool.submit(ask, number) for number in range(SLOW_CLIENTS)]
        try:
            project.ok("grow", "--to", "100", timeout=200)
        finally:
            over.set()
    assert users.failures == []
    assert {status for one in asked for status in one.result()} == {200}
    (report,) = (project.path / ".tenfold/reports").glob("*.json")
    *brief, last = json.loads(report.read_text())["holds"]
    assert 1 <= len(brief) <= BRIEF_TRIES
    assert max(h["ended"] - h["began"] for h in brief) < SLOW_SECONDS
    assert last["seconds_postponed"] > 0


def test_a_plan_says_what_and_is_what_is_done(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    planned = project.tenfold("plan", "--to", "100", "-o", "move.json")
    assert planned.returncode == 2, planned.stderr
    for words in ("vm1", "becomes app1", "db1", "follows, then leads", "fence", "requests wait"):
        assert words in planned.stdout, planned.stdout
    assert re.search(r"wait about [\d.]+ m?s \(measured: a trial on vm1 on 2", planned.stdout)
    tried = re.search(r"stop (\d+), promote (\d+), hand over (\d+), journal (\d+)", planned.stdout)
    assert tried, planned.stdout
    assert all(int(ms) > 0 for ms in tried.groups())
    kept = json.loads((project.path / "move.json").read_text())
    assert [s["position"] for s in kept["stretches"]] == ["10+100", "100+10"]
    as_data = json.loads(project.tenfold("plan", "--to", "100", "--json").stdout)
    again = as_data["hold"]["parts"]
    assert round(again["stop"] * 1000) == int(tried[1]), "a trial is made once"
    assert not list((project.path / ".tenfold/hosts/vm1/data/postgres").glob("trial.*"))
    assert signs(as_data)["-"] == {"app1/postgres"}
    project.ok("grow", "move.json", timeout=200)
    assert project.status()["stage"] == "100"
    limit = int(project.ok("psql", "--as", "superuser", "--", "-Atc", LOG_THAT_IS_KEPT))
    assert as_data["reversible_log_bytes"] == limit
    assert f"or until {size(limit)} of log were written" in planned.stdout


def test_a_kept_plan_is_refused_when_the_world_has_changed(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    text = (project.path / "notes.py").read_text()
    (project.path / "notes.py").write_text(text.replace('VERSION = "one"', 'VERSION = "two"'))
    project.ok("deploy")
    done = project.tenfold("grow", "move.json")
    assert done.returncode == 1
    assert "has changed" in done.stderr
    assert hosts(project) == {"vm1": {"postgresql", "uvicorn", "nginx"}}


def test_stage_100_from_the_first_day_is_what_one_grows_into(bring: Bring) -> None:
    project = bring(apps.diary)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port))
    assert hosts(project) == {
        "app1": {"uvicorn", "nginx", "database_endpoint"},
        "db1": {"postgresql"},
    }
    with Users(project) as users:
        project.ok("shrink", "--to", "10", timeout=200)
        project.ok("complete", "--yes", timeout=200)
    assert users.failures == []
    assert hosts(project) == {"vm1": {"postgresql", "uvicorn", "nginx"}}
    assert notes(project) == sorted(users.acknowledged)


def test_unlogged_tables_are_named_before_anything_is_touched(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.ok("psql", "--", "-c", "create unlogged table scratch (id int)")
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    for typed in (("--to", "100"), ("move.json",)):
        done = project.tenfold("grow", *typed, timeout=200)
        assert done.returncode == 1
        for words in ("scratch", "nothing was touched", f"tenfold grow {' '.join(typed)}"):
            assert words in done.stdout + done.stderr, done.stderr
        assert not (Path(project.path) / ".tenfold" / "hosts" / "db1").exists()
        assert project.status()["transition"] is None
    project.ok("deploy")
    project.ok("psql", "--", "-c", "drop table scratch")
    project.ok("grow", "--to", "100", timeout=200)
    project.ok("psql", "--", "-c", "create unlogged table scratch (id int)")
    done = project.tenfold("reverse", timeout=200)
    assert (done.returncode, "nothing was touched" in done.stderr) == (1, True), done.stderr
    assert project.status()["transition"]["may"] == ["complete", "reverse"]
    project.ok("psql", "--", "-c", "drop table scratch")
    project.ok("reverse", timeout=200)
    assert project.status()["stage"] == "10"
