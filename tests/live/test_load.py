"""``tenfold load`` on a whole deployment: what it refuses, and what stays of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]

LOAD = """
[load]
rate = 20
duration = "2s"
ledger = {source}

[[load.requests]]
method = "POST"
path = "/notes"
form = {{ text = "{{id}}" }}
ledger = true

[[load.requests]]
path = "/"
"""
TABLE = '{ table = "notes", column = "text" }'
FORGETS = """
create function forget() returns trigger language plpgsql as
$$ begin return case when new.id % 7 = 0 then null else new end; end $$;
create trigger forgets before insert on notes for each row execute function forget()
"""


@pytest.fixture(scope="module")
def plain(running: Project) -> str:
    return (running.path / "tenfold.toml").read_text()


@pytest.fixture
def project(running: Project, plain: str) -> Iterator[Project]:
    yield running
    (running.path / "tenfold.toml").write_text(plain)


def given(project: Project, plain: str, source: str = TABLE, path: str = "/") -> None:
    load = LOAD.format(source=source).replace('path = "/"\n', f'path = "{path}"\n')
    (project.path / "tenfold.toml").write_text(plain + load)


def noted(project: Project) -> int:
    return int(project.ok("psql", "--", "-Atc", "select count(*) from notes"))


def test_a_good_run_exits_0_and_can_be_compared_again(project: Project, plain: str) -> None:
    given(project, plain)
    report = json.loads(project.ok("load", "--json").splitlines()[-1])
    assert report["ok"] is True
    assert report["comparison"]["acknowledged"] > 0
    again = json.loads(project.ok("load", "--compare", report["ledger"]["path"], "--json"))
    assert again["acknowledged"] == report["comparison"]["acknowledged"]
    project.ok("psql", "--as", "owner", "--", "-Atc", "delete from notes")
    done = project.tenfold("load", "--compare", report["ledger"]["path"])
    assert done.returncode == 1
    assert re.search(r"[1-9]\d* lost", done.stdout)


def test_a_misspelt_table_is_named_before_anything_is_sent(project: Project, plain: str) -> None:
    before = noted(project)
    given(project, plain, '{ table = "nots", column = "text" }')
    done = project.tenfold("load")
    assert done.returncode == 1
    assert 'relation "nots" does not exist' in done.stderr
    assert done.stdout == ""
    assert noted(project) == before


def test_a_comparison_that_fails_after_the_run_leaves_its_figures(
    project: Project, plain: str
) -> None:
    given(project, plain, '{ sql = "select (1 / (count(*) - count(*)))::text from notes" }')
    done = project.tenfold("load")
    assert done.returncode == 1
    assert "p99 ms" in done.stdout
    assert "division by zero" in done.stderr
    given(project, plain)  # as the error says: correct the file, and compare again
    ledger = re.search(r"tenfold load --compare (\S+)", done.stderr)
    assert ledger is not None
    assert "0 lost" in project.ok("load", "--compare", ledger[1])


def test_lost_writes_exit_1(project: Project, plain: str) -> None:
    given(project, plain)
    project.ok("psql", "--as", "owner", "--", "-v", "ON_ERROR_STOP=1", "-c", FORGETS)
    try:
        done = project.tenfold("load")
    finally:
        project.ok("psql", "--as", "owner", "--", "-c", "drop function forget cascade")
    assert done.returncode == 1, done.stdout
    assert re.search(r"[1-9]\d* lost", done.stdout)


def test_failed_requests_exit_1(project: Project, plain: str) -> None:
    given(project, plain, path="/boom")
    done = project.tenfold("load")
    assert done.returncode == 1
    assert "status 500" in done.stdout
    assert "0 lost" in done.stdout
