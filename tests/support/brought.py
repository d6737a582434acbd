"""The projects below ``tests/apps`` that people could have brought along: from ``init`` to ``down``
without an edit, while users write."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pip._internal.models.index import PyPI
from tests.support.project import Project
from tests.support.users import Users

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "tests/apps"
NEXT_VERSION_SECONDS = 60.0
NAMING_AN_INDEX = ("*.lock", "pylock.toml", "pyproject.toml")


@dataclass(frozen=True)
class App:
    """One project: ``code`` has a line that says which version it is."""

    name: str
    code: str
    server: str
    made_of: str
    migrates: bool = False
    folder: str = ""

    @property
    def source(self) -> Path:
        """Where it lies in the repository."""
        return APPS / self.name

    def __call__(self, path: Path) -> Project:
        """A copy of it; what is copied are files, nothing that another run left behind."""
        copied = Path(shutil.copytree(self.source, path, dirs_exist_ok=True))
        for file in (f for name in NAMING_AN_INDEX for f in copied.glob(name)):
            file.write_text(_with_the_index(file.read_text()))
        return Project(copied)


APP = {
    app.name: app
    for app in (
        App("django_wsgi", "entries/views.py", "gunicorn", "requirements.txt", migrates=True),
        App("django_asgi", "apps/board/views.py", "uvicorn", "uv.lock", migrates=True),
        App("fastapi_uv", "src/shelf/main.py", "uvicorn", "uv.lock", migrates=True),
        App("fastapi_poetry", "larder/main.py", "uvicorn", "poetry.lock"),
        App("starlette_pdm", "src/pantry/web.py", "uvicorn", "pdm.lock"),
        App("litestar_pylock", "attic.py", "uvicorn", "pylock.toml"),
        App("flask_factory", "ledgerbook/views.py", "gunicorn", "pyproject.toml", migrates=True),
        App("plain_asgi", "service.py", "uvicorn", "requirements.txt"),
        App("plain_wsgi", "wsgi.py", "gunicorn", "requirements.txt", folder="Küche & Co"),
        App(
            "procfile_docker", "api/public.py", "uvicorn", "requirements/production.txt",
            migrates=True,
        ),
    )
}  # fmt: skip


def _with_the_index(text: str) -> str:
    """Locks name where packages come from: the public index, as pip has it built in."""
    files = f"https://{PyPI.file_storage_domain}/"
    return text.replace("https://index.example/simple", PyPI.simple_url).replace(
        "https://files.example/", files
    )


def packages() -> dict[str, str]:
    """A folder of fetched packages that all tests share, if whoever apps run as can reach it."""
    path = ROOT / ".cache/uv"
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        if not all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents):
            return {}
        path.chmod(0o777)
    return {"UV_CACHE_DIR": str(path)}


def files_of(project: Project) -> dict[str, bytes]:
    """Everything that is the user's own."""
    return {
        str(path.relative_to(project.path)): path.read_bytes()
        for path in sorted(project.path.rglob("*"))
        if path.is_file() and ".tenfold" not in path.parts
    }


@contextmanager
def brought(bring: Callable[[Any], Project], app: App) -> Iterator[Project]:
    """The project as ``init`` left it, up: nothing was edited but the file that it wrote."""

    def make(folder: Path) -> Project:
        path = folder / app.folder if app.folder else folder
        return app(path)

    make.__name__ = app.name
    project = bring(make)
    before = files_of(project)
    said = project.ok("init")
    assert f"({app.made_of})" in said
    project.up()
    assert files_of(project).keys() - before.keys() == {"tenfold.toml"}
    assert before.items() <= files_of(project).items()
    yield project


def from_init_to_down(bring: Callable[[Any], Project], app: App) -> None:
    """Up, a deploy and the move to stage 100, with users all the time; nobody notices."""
    with brought(bring, app) as project:
        assert {u["engine"] for u in project.units()} >= {app.server, "postgresql", "nginx"}
        with Users(project) as users:
            _seen(users, "1")
            _renew(project, app)
            project.ok("deploy", timeout=200)
            _seen(users, "2")
            grown = project.tenfold("grow", "--to", "100", timeout=240)
            assert grown.returncode == 0, f"{grown.stdout}{grown.stderr}{_refused(project)}"
            written = len(users.acknowledged)
            _until(users, lambda: len(users.acknowledged) > written, "a write at stage 100")
        assert users.failures == []
        assert users.versions == {"1", "2"}
        users.require_nothing_lost()
        assert project.status()["stage"] == "100"
        _require_schema_owner(project, app)
        project.ok("down", timeout=120)


def _refused(project: Project) -> str:
    """What databases refused because they follow, and the lines around it."""
    logs = sorted(project.path.glob(".tenfold/hosts/*/logs/*.log"))
    lines = (f"{log.name}: {line}" for log in logs for line in log.read_text().splitlines())
    return "\n".join(line for line in lines if re.search("read-only|ERROR|STATEMENT", line))


def _renew(project: Project, app: App) -> None:
    file = project.path / app.code
    text, count = re.subn(r'^VERSION = "1"$', 'VERSION = "2"', file.read_text(), flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)


def _seen(users: Users, version: str) -> None:
    _until(users, lambda: version in users.versions, f"version {version}")


def _until(users: Users, condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + NEXT_VERSION_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"users never saw {what}: {users.failures}"
        time.sleep(0.02)


def _require_schema_owner(project: Project, app: App) -> None:
    """With migrations the app's own role may not change the schema."""
    done = project.tenfold("psql", "--as", "app", "--", "-Atc", "create table intruders (id int)")
    assert (done.returncode != 0) is app.migrates, done.stdout + done.stderr
