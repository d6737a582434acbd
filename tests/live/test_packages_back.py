"""A deploy that changes the lock alone, and the way back: the old packages are there again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.brought import packages
from tests.support.project import Project
from tests.support.users import Users
from uv import find_uv_bin

from tenfold.release import indexes
from tenfold.secret import Secret

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]

WANTED = ("gunicorn", "psycopg[binary]")
BEFORE = (*WANTED, "click==8.1.7", "itsdangerous==2.1.2")
AFTER = (*WANTED, "click==8.1.8", "blinker==1.9.0")

APP = '''
    """Says which packages it has: those that were imported, and those that are installed."""

    import importlib.metadata
    import json
    import os
    import sys

    import click
    import psycopg

    INSTALLED = {d.name.lower(): d.version for d in importlib.metadata.distributions()}

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("select pg_advisory_xact_lock(1)")
        connection.execute("create table if not exists notes (id serial primary key, text text)")


    def application(environ, start_response):
        route = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
        status, told = "200 OK", None
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            if route == ("POST", "/notes"):
                text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
                connection.execute("insert into notes (text) values (%s)", [text])
                status = "201 Created"
            elif route == ("GET", "/notes"):
                told = [row[0] for row in connection.execute("select text from notes")]
            elif route == ("GET", "/packages"):
                told = {"prefix": sys.prefix, "installed": INSTALLED, "from": click.__file__}
            else:
                told = {"version": INSTALLED["click"]}
        body = json.dumps(told).encode()
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]
'''
PYPROJECT = """
    [project]
    name = "shop"
    version = "0"
    requires-python = ">=3.11"
    dependencies = {wanted}
"""


def lock(project: Project, kind: str, wanted: tuple[str, ...], cache: Path) -> None:
    """What a developer does: other requirements, and a new lock, by the real tool.

    In a cache of their own: who deploys is somebody else, and may not write what they wrote.
    """
    project.write("pyproject.toml", PYPROJECT.format(wanted=json.dumps(wanted)))
    python = ("--python", sys.executable)
    compile_ = ("pip", "compile", "--quiet", "pyproject.toml", *python)
    arguments = {
        "uv.lock": ("lock", *python),
        "pylock.toml": (*compile_, "--format", "pylock.toml", "-o", "pylock.toml"),
        "requirements.txt": (*compile_, "--generate-hashes", "-o", "requirements.txt"),
    }[kind]
    known = indexes.as_pip_knows(os.environ)
    told = {name: v.reveal() if isinstance(v, Secret) else v for name, v in known.items()}
    done = subprocess.run(
        [find_uv_bin(), *arguments],
        cwd=project.path,
        env={**os.environ, **told, "UV_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def shop(folder: Path) -> Project:
    project = Project(folder)
    project.write("shop.py", APP)
    project.write("tenfold.toml", 'name = "shop"\napp = "shop:application"\n')
    return project


def told(project: Project) -> dict[str, Any]:
    """What the app says of its packages."""
    found = project.get("/packages").json()
    assert isinstance(found, dict)
    return found


def command(project: Project) -> dict[str, str]:
    """What a command sees that runs beside the app."""
    code = """
        import importlib.metadata, json
        print(json.dumps({d.name.lower(): d.version for d in importlib.metadata.distributions()}))
        """
    said = project.ok("run", "python", "-c", textwrap.dedent(code))
    found = json.loads(said.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", ["uv.lock", "pylock.toml", "requirements.txt"])
def test_a_rollback_brings_the_packages_of_the_other_lock_back(
    bring: Bring, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in packages().items():
        monkeypatch.setenv(name, value)
    project = bring(shop)
    lock(project, kind, BEFORE, tmp_path)
    project.up()
    first, release = told(project), project.status()["release"]
    assert first["installed"]["click"] == "8.1.7"
    assert first["installed"]["itsdangerous"] == "2.1.2"
    assert "blinker" not in first["installed"]
    assert str(project.path / ".tenfold") in first["prefix"]

    lock(project, kind, AFTER, tmp_path)
    with Users(project) as users:
        project.ok("deploy", timeout=200)
        second = told(project)
        assert second["installed"]["click"] == "8.1.8"
        assert second["installed"]["blinker"] == "1.9.0"
        assert "itsdangerous" not in second["installed"]
        assert second["prefix"] != first["prefix"]
        assert command(project) == second["installed"]

        project.ok("rollback")
        assert project.status()["release"] == release
        assert told(project) == first, "the same packages, from the same place"
        assert command(project) == first["installed"]
    assert users.failures == []
    assert users.versions == {"8.1.7", "8.1.8"}
    users.require_nothing_lost()

    # Neither the lock in the project nor the newer environment was touched: forth again is quick.
    assert "8.1.8" in (project.path / kind).read_text()
    made = Path(second["prefix"]).stat().st_mtime_ns
    project.ok("deploy", timeout=200)
    assert told(project) == second
    assert Path(second["prefix"]).stat().st_mtime_ns == made
    project.ok("down")
    project.ok("up", "-d", "--port", str(project.port))
    assert told(project) == second
