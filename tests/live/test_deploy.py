"""The next release, and the way back, while users are there."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.few(3)]
Bring = Callable[[Any], Project]


def change(project: Project, version: str, name: str = "notes.py") -> None:
    source = project.path / name
    lines = source.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("VERSION = "))
    lines[at] = f'VERSION = "{version}"'
    source.write_text("\n".join(lines) + "\n")


@pytest.mark.always
def test_a_deploy_and_a_rollback_under_load_fail_nothing_and_lose_nothing(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    first = project.status()["release"]
    with Users(project) as users:
        change(project, "two")
        project.ok("deploy")
        second = project.status()["release"]
        assert second != first
        assert project.get("/").json()["version"] == "two"
        project.ok("rollback")
        assert project.status()["release"] == first
        assert project.get("/").json()["version"] == "one"
    assert users.failures == []
    assert {"one", "two"} <= users.versions
    notes = project.get("/notes").json()
    assert sorted(notes) == sorted(users.acknowledged)


def versioned(project: Project) -> None:
    """All of the project, in one commit."""
    project.write(".gitignore", ".venv\n")
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "all")):
        subprocess.run(["git", "-C", str(project.path), *arguments], check=True)


def test_a_clean_commit_can_be_named_beside_a_dirty_release_of_it(bring: Bring) -> None:
    project = bring(apps.notes)
    versioned(project)
    project.up()
    clean = project.status()["release"]
    change(project, "two")
    project.ok("deploy")
    dirty = project.status()["release"]
    assert dirty.startswith(f"{clean}-")
    project.ok("rollback", clean)
    assert project.status()["release"] == clean
    project.ok("rollback", f"{clean}-")
    assert project.status()["release"] == dirty

    with (project.path / "notes.py").open("a") as source:
        source.write("raise RuntimeError('the cake is burnt')\n")
    assert project.tenfold("deploy").returncode == 1
    folders = (project.path / ".tenfold/releases").iterdir()
    (broken,) = {folder.name for folder in folders if folder.is_dir()} - {clean, dirty}
    done = project.tenfold("rollback", broken)
    assert done.returncode == 1
    assert "was built and never served" in done.stderr
    assert f"tenfold rollback {clean}" in done.stderr
    assert project.status()["release"] == dirty


def test_slow_requests_survive_a_deploy(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(project.get("/slow?seconds=6")))
    slow.start()
    while not any(u["engine"] == "uvicorn" for u in project.units()):
        pass
    change(project, "two")
    project.ok("deploy")
    slow.join()
    assert answers[0].status == 200
    assert answers[0].json()["version"] == "one"
    assert project.get("/").json()["version"] == "two"


def test_assets_of_the_release_before_stay_reachable(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    (project.path / "static/app.3f2a9c1d.js").rename(project.path / "static/app.77aa88bb.js")
    project.ok("deploy")
    assert project.get("/static/app.77aa88bb.js").status == 200
    assert project.get("/static/app.3f2a9c1d.js").status == 200


def test_deploying_the_same_release_replaces_its_workers(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    before = {u["pid"] for u in project.units("uvicorn")}
    said = project.ok("deploy")
    assert "the same release as before" in said
    assert not before & {u["pid"] for u in project.units("uvicorn")}


def test_a_wsgi_app_with_a_migration(bring: Bring) -> None:
    project = bring(apps.ledger)
    project.up()
    assert project.get("/").json() == {"version": "one"}
    assert project.request("POST", "/lines", body=b"a").status == 201
    change(project, "two", "ledger.py")
    project.ok("deploy")
    assert project.get("/").json() == {"version": "two"}
    assert project.get("/lines").json() == ["a"]
    ran = project.ok("psql", "--", "-Atc", "select count(*) from migrated").strip()
    assert ran == "2", "once per release"
    project.ok("rollback")
    assert project.get("/").json() == {"version": "one"}
    assert project.ok("psql", "--", "-Atc", "select count(*) from migrated").strip() == "2"


def test_with_migrations_the_app_s_own_role_has_no_ddl(bring: Bring) -> None:
    project = bring(apps.ledger)
    project.up()
    done = project.tenfold("psql", "--as", "app", "--", "-Atc", "create table x (id int)")
    assert "permission denied" in done.stderr


BROKEN = {
    "syntax": ("def broken(:\n", "SyntaxError: invalid syntax"),
    "import": ("import nowhere_to_be_found\n", 'there is no module "nowhere_to_be_found"'),
    "raises": ("raise RuntimeError('the cake is burnt')\n", "RuntimeError: the cake is burnt"),
    "exits": ("import os; os._exit(9)\n", "exited with code 9 before it was ready"),
    "sys.exit": (
        "import sys; sys.exit('no configuration')\n",
        "called sys.exit('no configuration')",
    ),
}


@pytest.fixture(scope="module")
def served() -> Any:
    import shutil
    import tempfile
    from pathlib import Path

    folder = Path(tempfile.mkdtemp(prefix="tenfold-live-"))
    folder.chmod(0o755)
    project = apps.diary(folder)
    toml = project.path / "tenfold.toml"
    toml.write_text(toml.read_text().replace('health_timeout = "15s"', 'health_timeout = "4s"'))
    try:
        project.up()
        yield project
    finally:
        project.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_release_never_serves_and_says_why(served: Project, kind: str) -> None:
    code, evidence = BROKEN[kind]
    refuse(served, code + (served.path / "notes.py").read_text(), evidence)


@pytest.mark.always
def test_a_release_that_answers_500_never_serves(served: Project) -> None:
    text = (served.path / "notes.py").read_text()
    sick = text.replace('return {"version"', 'raise ValueError("slg"); return {"version"', 1)
    refuse(served, sick, "GET / inside the worker: status 500", "ValueError: slg")


def test_a_release_that_never_answers_never_serves(served: Project) -> None:
    text = (served.path / "notes.py").read_text()
    sick = text.replace('return {"version"', 'await asyncio.sleep(60); return {"version"', 1)
    said = "did not become ready within 4 s: GET / inside the worker: no answer within 4 s"
    refuse(served, sick, said)


def test_a_missing_entry_point_is_named(served: Project) -> None:
    text = (served.path / "notes.py").read_text()
    refuse(
        served,
        text.replace("app = FastAPI(", "application = FastAPI(").replace("@app.", "@application."),
        'has no "app", which notes:app names',
    )


@pytest.mark.always
def test_a_failing_migration_leaves_the_old_release_serving(served: Project) -> None:
    failing = "raise SystemExit('column slug already exists')\n"
    said = ("python migrate.py exited 1", "column slug already exists")
    refuse(served, failing, *said, name="migrate.py")


def refuse(project: Project, text: str, *evidence: str, name: str = "notes.py") -> None:
    """Deploying this text fails with evidence, and nobody but the person who deploys notices."""
    source = project.path / name
    good = source.read_text()
    before = project.status()
    source.write_text(text)
    try:
        done = project.tenfold("deploy")
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        for piece in evidence:
            assert piece in said, said
        assert "What changed" in said
        assert "What next" in said
        after = project.status()
        assert after["state"] == "running"
        assert after["release"] == before["release"]
        assert workers(after) == workers(before)
        assert project.get("/").json()["version"] == "one"
    finally:
        source.write_text(good)


def workers(status: dict[str, Any]) -> set[int]:
    units = [u for h in status["hosts"] for u in h["units"]]
    return {u["pid"] for u in units if u["engine"] == "uvicorn"}


def test_rolling_back_the_first_release_is_refused(served: Project) -> None:
    done = served.tenfold("rollback")
    assert done.returncode == 1
    assert "no earlier release" in done.stderr


def test_an_app_in_a_src_folder_is_imported_from_its_release(bring: Bring) -> None:
    project = bring(apps.notes)
    (project.path / "src").mkdir()
    (project.path / "notes.py").rename(project.path / "src/notes.py")
    toml = (project.path / "tenfold.toml").read_text()
    assert 'app = "notes:app"\n' in toml
    project.write(
        "tenfold.toml",
        toml.replace('app = "notes:app"\n', 'app = "notes:app"\npythonpath = ["src"]\n'),
    )
    project.up()
    assert project.get("/").json()["version"] == "one"
    change(project, "two", "src/notes.py")
    assert project.get("/").json()["version"] == "one"
    project.ok("deploy")
    assert project.get("/").json()["version"] == "two"
    where = project.ok("run", "python", "-c", "import notes; print(notes.__file__)").strip()
    assert where.endswith("/app/src/notes.py")
    assert "/releases/" in where


@pytest.mark.skipif(os.geteuid() == 0, reason="where Tenfold is root the app cannot write there")
def test_what_the_app_wrote_into_its_release_is_not_left_behind_silently(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.ok("run", "touch", "db.sqlite3")
    change(project, "two")
    done = project.tenfold("deploy")
    assert done.returncode == 1
    assert "db.sqlite3" in done.stderr
    assert project.get("/").json()["version"] == "one"
    project.ok("deploy", "--leave-behind")
    assert project.get("/").json()["version"] == "two"


def test_up_brings_the_present_state_or_what_served_last(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.ok("down")
    change(project, "two")
    project.ok("up", "-d", "--last")
    assert project.get("/").json()["version"] == "one"
    project.ok("down")
    said = project.ok("up", "-d")
    assert "served last" in said
    assert project.get("/").json()["version"] == "two"


def test_values_that_env_took_are_there_for_a_command_from_another_shell(bring: Bring) -> None:
    project = bring(apps.notes)
    toml = (project.path / "tenfold.toml").read_text()
    project.write("tenfold.toml", toml + '\n[env]\nGREETING = "${SALUTE}"\n')
    port = str(project.port)
    refused = project.tenfold("up", "-d", "--port", port)
    assert refused.returncode == 2
    assert "SALUTE" in refused.stderr
    done = project.tenfold("up", "-d", "--port", port, env={"SALUTE": "ahoy-from-the-shell"})
    assert done.returncode == 0, done.stderr
    change(project, "two")
    project.ok("deploy")
    said = project.ok("run", "python", "-c", "import os; print(os.environ['GREETING'])")
    assert said.strip() == "ahoy-from-the-shell"
    assert "ahoy" not in project.ok("status") + project.ok("logs") + done.stdout
