"""A database that is the user's own: a second, real PostgreSQL beside Tenfold."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from tests.support import apps
from tests.support.postgres import ADDRESS, Server, running, wait_for
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]

KEY = '\n[database]\nurl = "${SHOP_DATABASE}"\n'


def url_of(server: Server) -> str:
    who = server.login("app")
    password = quote(who.password.reveal(), safe="")
    return f"postgresql://{who.user}:{password}@{ADDRESS}:{who.port}/{who.database}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Somebody's PostgreSQL, with its URL in the shell from which tenfold is called."""
    with running() as found:
        monkeypatch.setenv("SHOP_DATABASE", url_of(found))
        yield found


def place(server: Server) -> str:
    who = server.login("app")
    return f"{ADDRESS}:{who.port}/{who.database}"


def ledger(path: Path) -> Project:
    project = apps.ledger(path)
    spec = path / "tenfold.toml"
    spec.write_text(spec.read_text() + KEY)
    return project


def lines(server: Server) -> list[str]:
    with server.connect("app") as connection:
        return [str(row[0]) for row in connection.execute("select text from lines order by id")]


def test_everything_but_a_move_works_and_nothing_shows_the_password(
    bring: Bring, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bring(ledger)
    planned = project.tenfold("plan")
    assert planned.returncode == 2, planned.stderr
    assert f"yours, PostgreSQL 18.6 at {place(server)} as tenfold_app" in planned.stdout
    assert "It does not back it up, move it or fence it" in planned.stdout
    project.up()
    assert {u["engine"] for u in project.units()} == {"tenfold", "gunicorn", "nginx"}
    monkeypatch.delenv("SHOP_DATABASE")  # another shell, another hour
    assert project.request("POST", "/lines", body=b"one").status == 201
    first = project.status()["release"]
    source = project.path / "ledger.py"
    source.write_text(source.read_text().replace('"one"', '"two"'))
    project.ok("deploy")
    assert project.request("POST", "/lines", body=b"two").status == 201
    project.ok("rollback")
    assert project.status()["release"] == first
    assert project.get("/lines").json() == lines(server) == ["one", "two"]
    assert project.ok("psql", "--", "-Atc", "select count(*) from lines") == "2\n"
    assert project.ok("run", "sh", "-c", "echo ${DATABASE_URL##*/}").strip() == "shop"
    told = project.status()["database"]
    assert told == {
        "kind": "external", "place": place(server), "user": "tenfold_app", "answers": True,
        "version": "18.6", "why": None,
    }  # fmt: skip
    assert f"yours, PostgreSQL 18.6 at {place(server)}" in project.ok("status")
    for moving in (("grow", "--to", "100"), ("rehearse", "--to", "100"), ("plan", "--to", "100")):
        refused = project.tenfold(*moving)
        assert refused.returncode == 1
        assert "your own, which Tenfold does not move" in refused.stderr
    _hidden(project, server)
    project.ok("down")
    project.ok("up", "-d", "--last")
    assert project.get("/lines").json() == ["one", "two"]
    said = project.ok("down", "--delete-data", "--yes")
    assert f"your own database {place(server)} was not touched" in said
    assert lines(server) == ["one", "two"]


def _hidden(project: Project, server: Server) -> None:
    """The password is in no argument list, and in no file but the two that must have it."""
    password = server.login("app").password.reveal().encode()
    for process in project.processes():
        assert password.decode() not in " ".join(process.cmdline())
    state = project.path / ".tenfold"
    having = {
        path.relative_to(state)
        for path in state.rglob("*")
        if path.is_file() and not path.is_symlink() and password in path.read_bytes()
    }
    for path in having:
        private = path.name == "secrets.json" or path.parts[:3] == ("hosts", "vm1", "agent")
        assert private, path
    assert Path("secrets.json") in having
    assert (state / "secrets.json").stat().st_mode & 0o077 == 0
    assert (state / "hosts/vm1/agent").stat().st_mode & 0o077 == 0
    for said in (project.ok("status", "--json"), project.ok("logs"), project.ok("status")):
        assert password.decode() not in said


def test_a_failing_migration_does_not_show_it_either(bring: Bring, server: Server) -> None:
    project = bring(ledger)
    project.write("migrate.py", "import os\nraise SystemExit(os.environ['DATABASE_URL'])\n")
    failed = project.tenfold("up", "-d", "--port", str(project.port))
    assert failed.returncode == 1
    assert "python migrate.py exited 1" in failed.stderr
    assert "********" in failed.stderr
    assert server.login("app").password.reveal() not in failed.stdout + failed.stderr


def test_while_it_is_down_the_app_is_left_alone_and_status_says_why(
    bring: Bring, server: Server
) -> None:
    project = bring(ledger)
    project.up()
    before = {(u["name"], u["pid"]) for u in project.units()}
    server.stop()
    assert project.get("/lines").status == 500
    assert project.get("/").status == 200
    now = project.status()
    assert now["state"] == "degraded"
    assert now["database"]["answers"] is False
    assert place(server) in now["database"]["why"]
    assert "nothing is restarted for that" in project.ok("status")
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert f"your database {place(server)} cannot be reached" in refused.stderr
    assert {(u["name"], u["pid"]) for u in project.units()} == before
    assert [u["restarts"] for u in project.units("gunicorn")] == [0]
    server.start()
    assert project.request("POST", "/lines", body=b"after").status == 201
    assert project.status()["state"] == "running"
    project.ok("deploy")


def test_a_worker_that_dies_meanwhile_waits_longer_and_longer_and_comes_back(
    bring: Bring, server: Server
) -> None:
    project = bring(_notes)
    project.up()
    server.stop()
    for unit in project.units("uvicorn"):
        psutil.Process(unit["pid"]).send_signal(signal.SIGKILL)
    wait_for(
        lambda: any(u["state"] in ("backoff", "starting") for u in project.units("uvicorn")),
        within=30,
        subject="a worker to wait before it is started again",
    )
    server.start()
    wait_for(
        lambda: project.get("/notes").status == 200, within=90, subject="the app to serve again"
    )


def _notes(path: Path) -> Project:
    project = apps.notes(path)
    spec = path / "tenfold.toml"
    spec.write_text(spec.read_text() + KEY)
    return project


@pytest.mark.parametrize("which", ["unset", "unreachable", "wrong", "mysql"])
def test_what_cannot_work_is_refused_before_anything_is_touched(
    bring: Bring, server: Server, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    project = bring(ledger)
    right = url_of(server)
    if which == "unset":
        monkeypatch.delenv("SHOP_DATABASE")
    values = {
        "unreachable": f"postgresql://a:hunter2hunter2@{ADDRESS}:1/shop",
        "wrong": right.replace("tenfold_app:", "tenfold_app:hunter2hunter2"),
        "mysql": "mysql://a:hunter2hunter2@db/shop",
    }
    if which in values:
        monkeypatch.setenv("SHOP_DATABASE", values[which])
    refused = project.tenfold("up", "-d", "--port", str(project.port))
    told = refused.stdout + refused.stderr
    assert refused.returncode in (1, 2)
    assert "hunter2" not in told
    words = {
        "unset": "${SHOP_DATABASE} is not set",
        "unreachable": f"your database {ADDRESS}:1/shop cannot be reached",
        "wrong": "does not let tenfold_app in",
        "mysql": "does not begin with postgresql://",
    }
    assert words[which] in told
    assert project.status()["state"] == "stopped"
    assert not (project.path / ".tenfold/hosts").exists()
    assert not (project.path / ".tenfold/releases").exists()


def test_from_tenfolds_database_to_ones_own_and_back_nothing_is_stranded_silently(
    bring: Bring, server: Server
) -> None:
    project = bring(apps.ledger)
    project.up()
    assert project.request("POST", "/lines", body=b"at tenfold's").status == 201
    spec = project.path / "tenfold.toml"
    before = spec.read_text()
    spec.write_text(before + KEY)
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert f"to your database {place(server)} while people use it" in refused.stderr
    assert project.get("/lines").json() == ["at tenfold's"]
    project.ok("down")
    said = project.up()
    data = project.path / ".tenfold/hosts/vm1/data/postgres"
    assert f"the database that Tenfold ran before remains in {data} (" in said
    assert "no data is copied" in said
    assert project.get("/lines").json() == []
    assert project.request("POST", "/lines", body=b"at mine").status == 201
    refused = project.tenfold("rollback")
    assert refused.returncode == 1
    assert "to the database that Tenfold runs while people use it" in refused.stderr
    spec.write_text(before)
    assert project.tenfold("deploy").returncode == 1
    project.ok("down")
    said = project.up()
    assert f"from your database {place(server)} to the database that Tenfold runs" in said
    assert project.get("/lines").json() == ["at tenfold's"]
    assert lines(server) == ["at mine"]
    assert json.loads(project.ok("status", "--json")).get("database") is None


def test_the_same_password_may_change_but_not_the_place(
    bring: Bring, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bring(ledger)
    project.up()
    with server.connect("superuser") as superuser:
        superuser.execute("ALTER ROLE tenfold_app PASSWORD 'another-password'")
        superuser.execute("CREATE DATABASE other OWNER tenfold_app")
    who = server.login("app")
    moved = f"postgresql://{who.user}:another-password@{ADDRESS}:{who.port}"
    monkeypatch.setenv("SHOP_DATABASE", f"{moved}/other")
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert f"to your database {ADDRESS}:{who.port}/other" in refused.stderr
    monkeypatch.setenv("SHOP_DATABASE", f"{moved}/shop")
    project.ok("deploy")
    monkeypatch.delenv("SHOP_DATABASE")
    assert project.request("POST", "/lines", body=b"x").status == 201
    assert "another-password" not in json.dumps(project.status())
    assert os.environ.get("SHOP_DATABASE") is None
