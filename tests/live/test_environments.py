"""Two environments of one project, side by side: nothing of one is the other's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]

Bring = Callable[[Callable[[Path], Project]], Project]


def shop(path: Path) -> Project:
    """A project with an environment for trying things out."""
    project = apps.notes(path)
    toml = (path / "tenfold.toml").read_text()
    project.write(
        "tenfold.toml",
        toml + '\n[environments.staging.server]\nworkers = 1\n[environments."try-out"]\n',
    )
    return project


def notes(project: Project) -> list[str]:
    found = project.get("/notes").json()
    assert isinstance(found, list)
    return found


def test_two_environments_run_beside_each_other_and_one_goes_alone(bring: Bring) -> None:
    project = bring(shop)
    project.up()
    try:
        said = project.ok("--env", "staging", "up", "-d")
        assert "notes (staging) · stage 10" in said
        status = json.loads(project.ok("status", "--env", "staging", "--json"))
        assert (status["app"], status["environment"]) == ("notes", "staging")
        assert project.status()["environment"] is None
        staging = replace(project, port=int(status["url"].rpartition(":")[2]))
        assert staging.port != project.port
        assert len(project.units("uvicorn")) == 2
        workers = [u for h in status["hosts"] for u in h["units"] if u["engine"] == "uvicorn"]
        assert len(workers) == 1

        assert project.request("POST", "/notes", body=b"real").status == 201
        assert staging.request("POST", "/notes", body=b"tried").status == 201
        assert (notes(project), notes(staging)) == (["real"], ["tried"])
        assert "TENFOLD_ENV" in staging.get("/environment").json()["names"]
        assert "TENFOLD_ENV" not in project.get("/environment").json()["names"]

        (project.path / "notes.py").write_text(
            (project.path / "notes.py").read_text().replace('VERSION = "one"', 'VERSION = "two"')
        )
        said = project.tenfold("deploy", env={"TENFOLD_ENV": "staging"})
        assert said.returncode == 0, said.stderr
        assert "Next   tenfold --env staging rollback" in said.stdout
        assert (project.get("/").json()["version"], staging.get("/").json()["version"]) == (
            "one",
            "two",
        )
        with_lock = project.tenfold("lock", "acquire", "-m", "x", env={"TENFOLD_ENV": "staging"})
        assert with_lock.returncode == 0
        project.ok("deploy")
        assert project.get("/").json()["version"] == "two"
        project.ok("--env", "staging", "lock", "release")

        project.ok("down")
        assert notes(staging) == ["tried"]
        project.ok("up", "-d", "--port", str(project.port))
        project.ok("--env", "staging", "down", "--delete-data", "--yes")
        assert not (project.path / ".tenfold-staging").exists()
        assert notes(project) == ["real"]
        assert "never brought up" in project.tenfold("--env", "staging", "rollback").stderr
    finally:
        project.tenfold("--env", "staging", "down")


def test_a_release_has_nothing_of_another_environment(bring: Bring) -> None:
    project = bring(shop)
    project.up()
    try:
        project.ok("--env", "try-out", "up", "-d")
        project.ok("deploy")
        releases = (project.path / ".tenfold/releases").glob("*/app/*")
        assert {path.name for path in releases} >= {"notes.py"}
        found = (project.path / ".tenfold/releases").glob("*/app/.tenfold*")
        assert list(found) == []
    finally:
        project.tenfold("--env", "try-out", "down")


def test_an_environment_that_the_file_does_not_name_is_refused(bring: Bring) -> None:
    project = bring(shop)
    for arguments in (("--env", "stagin", "up", "-d"), ("down", "--env", "../x")):
        refused = project.tenfold(*arguments)
        assert refused.returncode == 2
        assert "names no environment" in refused.stderr
    assert 'did you mean "staging"?' in project.tenfold("--env", "stagin", "status").stderr
    assert not list(project.path.glob(".tenfold*"))
    project.ok("--env", "default", "status")
