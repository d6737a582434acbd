"""The doctor on an app that was never up, one that runs, one that was moved."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]

# Depends on who lets the tests run, and on what else runs there.
OF_THE_MACHINE = "machine."


def doctor(project: Project, *arguments: str, exits: int = 0) -> dict[str, Any]:
    done = project.tenfold("doctor", "--json", *arguments)
    assert done.returncode == exits, f"{done.stdout}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def told(found: dict[str, Any]) -> set[str]:
    """``id severity stage`` of every finding that is not about the machine."""
    return {
        f"{f['check']} {f['severity']} {f['stage']}"
        for f in found["findings"]
        if not f["check"].startswith(OF_THE_MACHINE)
    }


def sql(project: Project, statement: str) -> None:
    project.ok("psql", "--as", "superuser", "--", "-c", statement)


def everything_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_before_the_first_up_nothing_is_made_and_nothing_is_silently_passed(bring: Bring) -> None:
    project = bring(apps.ledger)
    before = everything_below(project.path)
    found = doctor(project)
    assert everything_below(project.path) == before
    assert (found["app"], found["stage"], found["state"]) == ("ledger", "10", "stopped")
    assert told(found) == set()
    assert {"project.server", "app.debug", "app.extension-missing"} <= set(found["passed"])
    assert not any(id.startswith(("site.", "schema.", "move.")) for id in found["passed"])
    (unseen,) = found["not_looked_at"]
    assert unseen["why"] == "it was never brought up"


def test_what_is_wrong_before_the_first_up(bring: Bring) -> None:
    project = bring(apps.ledger)
    project.write("store.py", "import sqlite3\ndb = sqlite3.connect('app.db')\n")
    project.write("broken.py", "def (:\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = f'\n[env]\nKEY = "${{NOT_SET}}"\n\n[edge]\nport = {port}\n'
        spec = project.path / "tenfold.toml"
        spec.write_text(spec.read_text() + more)
        found = doctor(project, exits=1)
    assert told(found) >= {"project.variables fault None", "app.sqlite fault None"}
    ids = {f["check"]: f for f in found["findings"]}
    assert str(port) in ids["machine.port"]["what"]
    assert any(u["what"] == "broken.py" for u in found["not_looked_at"])

    shown = project.tenfold("doctor")
    assert shown.returncode == 1
    assert "Wrong now" in shown.stdout
    assert "store.py:2" in shown.stdout

    explained = project.ok("doctor", "sqlite")
    assert explained.startswith("app.sqlite · ")
    assert "store.py:2" in explained


def test_without_a_file_and_with_a_broken_one(bring: Bring) -> None:
    project = bring(apps.ledger)
    (project.path / "tenfold.toml").rename(project.path / "kept")
    assert "project.file advice None" in told(doctor(project))
    (project.path / "tenfold.toml").write_text('name = "ledger"\nap = "x"\n')
    found = doctor(project, exits=1)
    (problem,) = (f for f in found["findings"] if f["check"] == "project.file")
    assert any("tenfold.toml:2" in line for line in problem["evidence"])


def test_a_site_that_runs_and_is_moved(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    found = doctor(project)
    assert found["state"] == "running"
    assert told(found) == set()
    assert {"site.written", "schema.unlogged", "move.disk", "database.connections"} <= set(
        found["passed"]
    )
    assert [u["what"] for u in found["not_looked_at"]] == ["foreign keys across [services]"]

    sql(project, "create unlogged table cache (id bigint primary key)")
    assert told(doctor(project)) == {"schema.unlogged later 100"}
    sql(project, "drop table cache; create table log (text text)")
    assert told(doctor(project)) == {"schema.no-primary-key later 1m"}
    sql(project, "drop table log")

    release = doctor_release(project)
    _as_the_app(release / "app" / "upload.jpg")
    found = doctor(project, exits=1)
    assert told(found) == {"site.written fault None"}
    assert [f["evidence"] for f in found["findings"] if f["check"] == "site.written"] == [
        ["upload.jpg"]
    ]
    (release / "app" / "upload.jpg").unlink()

    project.ok("grow", "--to", "100", timeout=200)
    found = doctor(project)
    assert (found["stage"], told(found)) == ("100", set())
    assert {u["what"] for u in found["not_looked_at"]} >= {"the next move"}
    project.ok("complete", "--yes")
    assert told(doctor(project)) == set()

    project.ok("down")
    found = doctor(project)
    assert {u["why"] for u in found["not_looked_at"]} == {"the site does not run"}
    assert not any(id.startswith(("site.", "schema.", "move.")) for id in found["passed"])


def doctor_release(project: Project) -> Path:
    return project.path / ".tenfold/releases" / str(project.status()["release"])


def _as_the_app(path: Path) -> None:
    """A file as the app would leave it: writable, and newer than the build."""
    path.write_bytes(b"picture")
    os.chmod(path, 0o644)
