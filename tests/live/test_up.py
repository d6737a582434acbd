"""Stage 10 from nothing to running, looked at from where a user stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psutil
import pytest
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(180), pytest.mark.few(4)]


def test_status_is_the_documented_object(running: Project) -> None:
    status = running.status()
    assert status["version"] == 1
    assert (status["app"], status["stage"], status["state"]) == ("notes", "10", "running")
    assert status["url"] == f"http://127.0.0.1:{running.port}"
    assert status["transition"] is None
    (host,) = status["hosts"]
    assert (host["name"], host["target"], host["region"], host["zone"]) == (
        "vm1", "local", "local", "a",
    )  # fmt: skip
    for unit in host["units"]:
        assert {"name", "engine", "state", "pid", "endpoint"} <= set(unit)
        assert unit["state"] == "running", unit
        assert psutil.pid_exists(unit["pid"])
    assert {u["engine"] for u in host["units"]} == {"tenfold", "postgresql", "nginx", "uvicorn"}
    assert len([u for u in host["units"] if u["engine"] == "uvicorn"]) == 2


def test_the_app_answers_through_the_edge_with_its_release_and_a_request_id(
    running: Project,
) -> None:
    answer = running.get("/")
    assert answer.status == 200
    assert answer.json()["version"] == "one"
    assert answer.headers["tenfold-release"] == running.status()["release"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_writes_reach_a_real_postgresql(running: Project) -> None:
    assert running.request("POST", "/notes", body=b"hello").status == 201
    assert "hello" in running.get("/notes").json()
    said = running.ok("psql", "--", "-Atc", "select count(*) > 0 from notes where text = 'hello'")
    assert said.strip() == "t"
    version = running.ok("psql", "--", "-Atc", "show server_version")
    assert int(version.split(".")[0]) >= 17


def test_static_files_come_from_the_edge_with_the_right_lifetime(running: Project) -> None:
    hashed = running.get("/static/app.3f2a9c1d.js")
    assert "immutable" in hashed.headers["cache-control"]
    plain = running.get("/static/app.css")
    assert plain.status == 200
    assert "immutable" not in plain.headers["cache-control"]
    assert "tenfold-release" not in plain.headers


def test_the_app_is_not_root_and_sees_only_what_is_meant_for_it(running: Project) -> None:
    seen = running.get("/environment").json()
    assert seen["uid"] != 0
    assert "DATABASE_URL" in seen["names"]
    assert not {"PGPASSWORD", "TENFOLD_SUPERUSER_PASSWORD"} & set(seen["names"])


def test_a_second_up_is_refused_and_changes_nothing(running: Project) -> None:
    before = running.units()
    done = running.tenfold("up", "-d")
    assert done.returncode == 1
    assert "runs already" in done.stderr
    assert "tenfold deploy" in done.stderr
    assert running.units() == before


def test_plan_says_that_nothing_would_change(running: Project) -> None:
    done = running.tenfold("plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing would change" in done.stdout


def test_plan_names_the_pending_release_and_exits_2(running: Project) -> None:
    source = running.path / "notes.py"
    text = source.read_text()
    source.write_text(text.replace('"one"', '"planned"'))
    try:
        done = running.tenfold("plan", "--json")
        assert done.returncode == 2, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert [s["step"] for s in told["steps"]] == [
            "BuildRelease", "WarmPool", "PublishAssets", "Handover", "PruneReleases",
        ]  # fmt: skip
        assert running.get("/").json()["version"] == "one"
    finally:
        source.write_text(text)


def test_dir_may_stand_anywhere(running: Project, tmp_path: Path) -> None:
    inner = running.path / "static"
    for arguments in (
        ["--dir", str(running.path), "status", "--json"],
        ["status", "--dir", str(inner), "--json"],
        ["status", "--json", "--dir", str(running.path)],
    ):
        elsewhere = Project(tmp_path)
        assert json.loads(elsewhere.ok(*arguments))["app"] == "notes"


def test_logs_show_what_units_say(running: Project) -> None:
    said = running.ok("logs", "postgres")
    assert "ready to accept connections" in said


def test_logs_follow_until_they_are_interrupted(running: Project) -> None:
    watching = running.start("logs", "-f", "edge")
    try:
        assert watching.stdout
        running.get("/?seen-by-follow=1")
        lines = []
        for line in watching.stdout:
            lines.append(line)
            if "GET" in line:
                break
        assert lines
    finally:
        watching.terminate()
        watching.wait(10)
        watching.stdout.close()


def test_run_has_the_app_s_environment_and_passes_the_exit_code(running: Project) -> None:
    script = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']); print('connected')"
    assert running.ok("run", "python", "-c", script).strip() == "connected"
    assert running.tenfold("run", "python", "-c", "raise SystemExit(7)").returncode == 7


@pytest.mark.always
def test_no_secret_is_visible_anywhere(running: Project) -> None:
    secrets = list(json.loads((running.path / ".tenfold/secrets.json").read_text()).values())
    assert len(secrets) == 4
    shown = [
        running.ok("status"),
        running.ok("status", "--json"),
        running.tenfold("plan", "--json").stdout,
        running.ok("logs", "-n", "1000"),
    ]
    shown += [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    state = running.path / ".tenfold"
    logs = [*state.rglob("*.log"), state / "journal.db", state / "journal.db-wal"]
    shown += [f.read_text(errors="replace") for f in logs if f.exists()]
    for secret in secrets:
        assert not any(secret in text for text in shown)


def test_files_with_secrets_are_closed(running: Project) -> None:
    secrets = list(json.loads((running.path / ".tenfold/secrets.json").read_text()).values())
    for path in (running.path / ".tenfold").rglob("*"):
        if not path.is_file() or path.is_symlink() or "/cluster/" in str(path):
            continue
        text = path.read_bytes()
        if any(s.encode() in text for s in secrets):
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.always
def test_nothing_listens_beyond_loopback(running: Project) -> None:
    for process in running.processes():
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip.startswith("127."), (process.cmdline(), connection)
