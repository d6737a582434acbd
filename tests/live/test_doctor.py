"""The doctor on an app that was never up, one that runs, one that was moved."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support import apps
from tests.support.postgres import ADDRESS, running
from tests.support.project import Project
from tests.support.queues import KINDS, queues
from tests.support.redis import servers

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]

# Depends on who lets the tests run, and on what else runs there.
OF_THE_MACHINE = "machine."
OF_THE_REDIS = {"redis.program advice None"}
"""Of a machine whose only server is that of the wheel."""


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


def ledger(folder: Path, more: str = "") -> Project:
    """The ledger at a port that nobody has, whatever else runs on this machine."""
    project = apps.ledger(folder)
    return at_its_own_port(project, more)


def at_its_own_port(project: Project, more: str = "") -> Project:
    spec = project.path / "tenfold.toml"
    spec.write_text(f"{spec.read_text()}\n[edge]\nport = {project.port}\n{more}")
    return project


def test_before_the_first_up_nothing_is_made_and_nothing_is_silently_passed(bring: Bring) -> None:
    project = bring(ledger)
    before = everything_below(project.path)
    found = doctor(project)
    assert everything_below(project.path) == before
    assert (found["app"], found["stage"], found["state"]) == ("ledger", "10", "stopped")
    assert told(found) == set()
    assert {"project.server", "app.debug", "app.extension-missing"} <= set(found["passed"])
    assert not any(id.startswith(("site.", "schema.", "move.")) for id in found["passed"])
    unseen = {what["what"]: what["why"] for what in found["not_looked_at"]}
    unseen.pop("newer versions of the engines", None)  # an index may say nothing of them
    assert list(unseen.values()) == ["it was never brought up"]


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
    found = doctor(project)
    assert told(found) == set()
    assert "move.disk" in found["passed"], "the move to 1k is looked at"

    project.ok("down")
    found = doctor(project)
    assert {u["why"] for u in found["not_looked_at"]} == {"the site does not run"}
    assert not any(id.startswith(("site.", "schema.", "move.")) for id in found["passed"])


def with_workers(folder: Path) -> Project:
    return at_its_own_port(queues(folder, *KINDS, "beat"))


@pytest.mark.skipif(not servers(), reason="no Redis-compatible server is here")
def test_workers_and_their_redis(bring: Bring) -> None:
    project = bring(with_workers)
    assert told(doctor(project)) - OF_THE_REDIS == set()
    project.up()
    found = doctor(project)
    assert told(found) - OF_THE_REDIS == set()
    assert {"redis.memory", "redis.other-server", "workers.command", "workers.no-scheduler"} <= set(
        found["passed"]
    )

    spec = project.path / "tenfold.toml"
    before = spec.read_text()
    edited = before.replace("[redis]", '[redis]\npersistence = "none"\npolicy = "allkeys-lru"')
    edited = edited.replace("[workers.beat]", "[workers.beat]\ncount = 2")
    spec.write_text(edited.replace("dramatiq tasks", "dramatiqq tasks"))
    found = doctor(project, exits=1)
    assert told(found) - OF_THE_REDIS == {
        "workers.command fault None",
        "workers.scheduler-twice fault None",
        "redis.jobs-not-kept fault None",
        # Its policy is that of the server that runs, as long as that does.
    }
    (lack,) = (f for f in found["findings"] if f["check"] == "workers.command")
    assert ".venv/bin/pip install dramatiqq" in lack["fix"]

    spec.write_text(before.replace("[redis]\n", "") + "\n[environments.staging]\n")
    found = doctor(project, exits=1)
    assert "redis.not-declared fault None" in told(found)


def with_a_database_of_its_own(folder: Path) -> Project:
    return ledger(folder, '\n[database]\nurl = "${SHOP_DATABASE}"\n')


def test_a_database_of_ones_own(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    project = bring(with_a_database_of_its_own)
    with running() as server:
        who = server.login("app")
        password = quote(who.password.reveal(), safe="")
        place = f"{ADDRESS}:{who.port}/{who.database}"
        monkeypatch.setenv("SHOP_DATABASE", f"postgresql://{who.user}:{password}@{place}")
        found = doctor(project)
        assert told(found) == {"external.promises advice None"}
        assert {"schema.unlogged", "app.extension-missing", "external.unsafe"} <= set(
            found["passed"]
        )
        assert [u["what"] for u in found["not_looked_at"]] == ["the site"]
        project.up()
        monkeypatch.delenv("SHOP_DATABASE")  # another shell, another hour
        with server.connect("app") as app:
            app.execute("create sequence small as smallint")
            app.execute("select setval('small', 32700)")
        found = doctor(project, exits=1)
        assert told(found) == {
            "external.promises advice None",
            "schema.sequence-near-end fault None",
            "schema.no-primary-key later 1m",
        }
        assert password not in json.dumps(found)
    found = doctor(project, exits=1)
    assert "external.silent fault None" in told(found)
    assert password not in json.dumps(found)


def test_a_command_that_cannot_serve_is_told_before_it_is_tried(bring: Bring) -> None:
    project = bring(ledger)
    spec = project.path / "tenfold.toml"
    served = spec.read_text().replace('app = "ledger', 'command = "waitress-serve ledger')
    assert "command" in served
    spec.write_text(served)
    found = doctor(project, exits=1)
    assert told(found) == {"project.command fault None", "project.server-costs advice None"}
    asked = [f["what"] for f in found["findings"] if f["check"] == "project.command"]
    assert any("has no waitress-serve" in what for what in asked)
    assert any("listens at port 8080" in what for what in asked)


def doctor_release(project: Project) -> Path:
    return project.path / ".tenfold/releases" / str(project.status()["release"])


def _as_the_app(path: Path) -> None:
    """A file as the app would leave it: writable, and newer than the build."""
    path.write_bytes(b"picture")
    os.chmod(path, 0o644)
