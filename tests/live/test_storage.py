"""User files through everything that changes the app around them."""

from __future__ import annotations

import json
import os
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]

ROUTES = """

@app.post("/pictures/{name}", status_code=201)
async def keep(name: str, request: Request):
    with open(f"media/{name}", "wb") as file:
        file.write(await request.body())
    return {}


@app.get("/pictures")
async def pictures():
    return sorted(os.listdir("media"))
"""
STORAGE = '\n[storage]\ndirs = ["media", "papers"]\nurls = { "/media" = "media" }\n'


def gallery(path: Path) -> Project:
    """The diary with a page that takes pictures; one of them comes with the project."""
    project = apps.diary(path)
    source = path / "notes.py"
    source.write_text(source.read_text() + ROUTES)
    spec = path / "tenfold.toml"
    text = spec.read_text().replace("[release]", '[release]\nbuild = "ls media > seen-by-build"')
    spec.write_text(text + STORAGE)
    project.write("media/first.png", "from the project")
    project.write("papers/secret.txt", "private")
    migrate = path / "migrate.py"
    migrate.write_text(migrate.read_text() + '\nopen("media/by-migration.txt", "a").write("x")\n')
    return project


def put(project: Project, name: str, body: bytes) -> None:
    path = f"/pictures/{urllib.parse.quote(name)}"
    assert project.request("POST", path, body=body).status == 201


def media(project: Project, name: str) -> bytes | int:
    """A file as the edge serves it, or the status of its absence."""
    answer = project.get(f"/media/{urllib.parse.quote(name)}")
    assert "tenfold-release" not in answer.headers, "the app answered"
    return answer.body if answer.status == 200 else answer.status


class Uploading:
    """Pictures, one after the other, all the time; each acknowledged one is remembered."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.acknowledged: dict[str, bytes] = {}
        self.failed: list[Any] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Uploading:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            number += 1
            name, body = f"up {number} ü.png", os.urandom(2000)
            answer = self.project.request(
                "POST", f"/pictures/{urllib.parse.quote(name)}", body=body
            )
            if answer.status == 201:
                self.acknowledged[name] = body
            else:
                self.failed.append((name, answer.status, answer.text))


def test_they_outlive_deploys_rollbacks_stages_and_stops(bring: Bring) -> None:
    project = bring(gallery)
    planned = project.tenfold("plan").stdout
    assert "keep media/ across releases; copy 1 file (16 bytes) that are in it now, once" in planned
    project.up()
    first = project.status()["release"]
    release = project.path / f".tenfold/releases/{first}/app"
    assert (release / "seen-by-build").read_text() == "first.png\n"
    assert media(project, "first.png") == b"from the project"
    assert media(project, "by-migration.txt") == b"x"
    assert project.get("/papers/secret.txt").status == 404
    with Uploading(project) as uploads:
        project.write("media/later.png", "not taken over")
        project.write("media/first.png", "changed in the project")
        source = project.path / "notes.py"
        source.write_text(source.read_text().replace('VERSION = "one"', 'VERSION = "two"'))
        project.ok("deploy")
        project.ok("rollback")
        assert project.status()["release"] == first
        project.ok("grow", "--to", "100", timeout=200)
        project.ok("deploy")
        project.ok("reverse", timeout=200)
    assert uploads.failed == []
    assert len(uploads.acknowledged) > 20
    project.ok("down")
    project.up()
    for name, body in uploads.acknowledged.items():
        assert media(project, name) == body, name
    assert media(project, "first.png") == b"from the project"
    assert media(project, "later.png") == 404
    assert set(uploads.acknowledged) <= set(project.get("/pictures").json())
    assert project.ok("run", "ls", "media").splitlines() == project.get("/pictures").json()
    _sized_and_deleted(project, len(uploads.acknowledged) + 2)


def _sized_and_deleted(project: Project, files: int) -> None:
    storage = {s["directory"]: s for s in project.status()["storage"]}
    assert storage["media"]["files"] == files
    assert storage["papers"] == {"directory": "papers", "files": 1, "bytes": 7, "more": False}
    assert f"media {files:,} files" in project.ok("status")
    refused = project.tenfold("down", "--delete-data")
    assert refused.returncode == 1
    assert media(project, "first.png") == b"from the project"
    said = project.ok("down", "--delete-data", "--yes")
    assert f"with it the user files: media {files:,} files" in said
    assert not (project.path / ".tenfold").exists()
    assert (project.path / "media/later.png").exists(), "the project's own are not Tenfold's"


def test_they_are_the_apps_users_and_nobody_elses(bring: Bring) -> None:
    project = bring(gallery)
    project.up()
    put(project, "x.svg", b"<svg onload='alert(1)'/>")
    uid = project.get("/environment").json()["uid"]
    for path in (project.path / ".tenfold/storage/media").rglob("*"):
        assert path.stat().st_uid == uid, path
    assert (project.path / ".tenfold/storage/media").stat().st_mode & 0o777 == 0o700
    answer = project.get("/media/x.svg")
    assert answer.headers["content-disposition"] == "attachment"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_directory_that_is_left_out_again_stays_and_is_said(bring: Bring) -> None:
    project = bring(gallery)
    project.up()
    put(project, "kept.png", b"kept")
    spec = project.path / "tenfold.toml"
    spec.write_text(spec.read_text().replace(STORAGE, "").replace("python migrate.py", "true"))
    said = project.ok("deploy")
    assert "media is not in [storage] dirs: its files stay in .tenfold/storage/media" in said
    assert project.get("/media/kept.png").status == 404
    spec.write_text(spec.read_text() + STORAGE)
    project.ok("deploy")
    assert media(project, "kept.png") == b"kept"


def test_a_link_out_of_the_project_is_refused_before_anything_is_touched(bring: Bring) -> None:
    project = bring(gallery)
    (project.path / "media/hosts").symlink_to("/etc/hosts")
    refused = project.tenfold("up", "-d", "--port", str(project.port), "--json")
    assert refused.returncode == 1
    assert "media/hosts is a link to /etc/hosts" in refused.stdout + refused.stderr
    assert json.loads(project.ok("status", "--json"))["state"] == "stopped"
    assert not (project.path / ".tenfold/storage").exists()
