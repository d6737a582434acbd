"""The examples as they ran before Tenfold: on a SQLite file, by their own server."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import examples
from tests.support.ports import free_port
from tests.support.postgres import wait_for
from tests.support.project import Project

SECRET = {"SECRET_KEY": "for-this-machine-alone-and-long-enough-for-everybody"}


def give(project: Project, name: str, *arguments: str, **more: str) -> str:
    """Run a program of the example's environment in its folder; gives what it printed."""
    program, *rest = arguments
    return subprocess.run(
        [str(examples.packages(name) / "bin" / program), *rest],
        cwd=project.path,
        env={**os.environ, **SECRET, **more},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


@contextmanager
def served(project: Project, name: str, app: str, page: str) -> Iterator[Project]:
    """The app behind gunicorn, on a port of its own; ends with the block."""
    here = Project(project.path, free_port())
    gunicorn = examples.packages(name) / "bin/gunicorn"
    process = subprocess.Popen(
        [str(gunicorn), "--bind", f"127.0.0.1:{here.port}", "--workers", "1", app],
        cwd=project.path,
        env={**os.environ, **SECRET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(here, page), within=30, subject=f"{app} to answer")
        yield here
    finally:
        process.terminate()
        process.wait(30)


def _answers(project: Project, page: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{project.port}{page}", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def bring_up(project: Project) -> None:
    """What somebody does who comes from there: ``init``, the same secret as before, ``up``."""
    project.ok("init")
    done = project.tenfold("secrets", "set", "SECRET_KEY", "--from-env", "SECRET_KEY", env=SECRET)
    assert done.returncode == 0, done.stderr
    project.up()


def django_file(project: Project) -> Path:
    """Where the polls example keeps its rows."""
    return project.path / "db.sqlite3"


def flask_file(project: Project) -> Path:
    """Where the notes example keeps its rows."""
    return project.path / "instance/notes.db"
