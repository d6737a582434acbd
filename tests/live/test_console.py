"""A shell with the app in it, from a pipe and from a terminal, on each kind of app."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.live.test_django import bakery
from tests.support import apps
from tests.support.project import Project
from tests.support.venvs import WSGI, environment

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]

Bring = Callable[[Callable[[Path], Project]], Project]
WHERE = "import os; print('uid', os.getuid(), os.environ['TENFOLD_RELEASE'], os.getcwd())\n"


def script(project: Project, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tenfold", "console"],
        cwd=project.path,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def talk(project: Project, *lines: str, command: tuple[str, ...] = ("console",)) -> tuple[int, str]:
    """What a person types behind every ``>>>``, and all that the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.path)
        os.execv(sys.executable, [sys.executable, "-m", "tenfold", *command])
    shown = b""
    waiting = list(lines)
    try:
        while part := os.read(terminal, 1024):
            shown += part
            if waiting and shown.rstrip().endswith(b">>>"):
                os.write(terminal, waiting.pop(0).encode() + b"\n")
            elif not waiting and shown.rstrip().endswith(b">>>"):
                os.write(terminal, b"\x04")
    except OSError:  # the terminal is gone with its last process
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def check(project: Project, expression: str, answer: str) -> None:
    """Both ways in: the app's names are there, as its user, in its release."""
    release = project.status()["release"]
    done = script(project, f"{WHERE}print('it is', {expression})\n")
    assert done.returncode == 0, done.stderr
    assert f"it is {answer}" in done.stdout
    assert f" {release} " in done.stdout
    assert f"/releases/{release}/app" in done.stdout
    assert f"stage 10 · release {release}" in done.stderr
    assert "uid 0 " not in done.stdout
    code, shown = talk(project, f"print('it is', {expression})")
    assert code == 0, shown
    assert f"it is {answer}" in shown
    assert f"release {release}" in shown


def test_an_asgi_app(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    check(project, "type(app).__name__", "FastAPI")
    failed = script(project, "raise SystemExit(7)\n")
    assert failed.returncode == 7
    failed = script(project, "1 / 0\n")
    assert failed.returncode == 1
    assert "ZeroDivisionError" in failed.stderr
    database = "import psycopg, os; db = psycopg.connect(os.environ['DATABASE_URL'])\n"
    done = script(project, database + "print(db.execute('select current_user').fetchone()[0])\n")
    assert done.stdout.strip() == "tenfold_app"


def test_a_command_that_asks_has_a_terminal(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    asking = "import sys; print('hello', input('>>> '), sys.stdin.isatty()); sys.exit(5)"
    code, shown = talk(project, "ada", command=("run", "python", "-c", asking))
    assert code == 5
    assert "hello ada True" in shown


def test_a_django_project(bring: Bring) -> None:
    project = bring(bakery)
    project.ok("init")
    project.up()
    settings = "__import__('django.conf').conf.settings.ROOT_URLCONF"
    check(project, settings, "bakery.urls")
    read = "from breads.models import Bread\nprint('breads', Bread.objects.count())\n"
    assert "breads 0" in script(project, read).stdout
    (project.path / "manage.py").rename(project.path / "admin.py")
    toml = project.path / "tenfold.toml"
    toml.write_text(toml.read_text().replace("manage.py", "admin.py"))
    project.ok("deploy")
    check(project, settings, "bakery.urls")


def flask_app(path: Path) -> Project:
    """A Flask app with a factory."""
    project = Project(path)
    project.write(
        "site_.py",
        """
        from flask import Flask

        def create_app():
            app = Flask(__name__)

            @app.get("/")
            def home():
                return "home"

            @app.shell_context_processor
            def names():
                return {"answer": 42}

            return app
        """,
    )
    project.write("tenfold.toml", 'name = "site"\napp = "site_:create_app()"\n')
    (path / ".venv").symlink_to(environment("flask", ("flask", *WSGI)))
    return project


def test_a_flask_app(bring: Bring) -> None:
    project = bring(flask_app)
    project.up()
    check(project, "answer", "42")
    done = script(project, "from flask import current_app; print(current_app.name)\n")
    assert done.stdout.strip() == "site_"


def test_nothing_that_serves_is_refused(bring: Bring) -> None:
    project = bring(apps.notes)
    assert "never brought up" in script(project, "").stderr
