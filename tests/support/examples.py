"""The examples, each in a folder of its own as a newcomer would have it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.project import Project
from tests.support.venvs import ROOT, environment

EXAMPLES = ROOT / "examples"
LEFT_BEHIND = shutil.ignore_patterns(
    ".tenfold", ".venv", "__pycache__", "media", "staticfiles", "instance", ".pytest_cache",
    ".ruff_cache", "db.sqlite3",
)  # fmt: skip


def python(name: str) -> Path:
    """The interpreter with everything that an example and its tests need."""
    return packages(name) / "bin/python"


def packages(name: str) -> Path:
    """The environment of an example, made once."""
    return environment(name, requirements(name))


def requirements(name: str) -> tuple[str, ...]:
    """What its files ask for, those for its tests included."""
    files = [EXAMPLES / name / file for file in ("requirements.txt", "requirements-dev.txt")]
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    return tuple(line for line in lines if line and not line.startswith(("#", "-r ")))


def copied(name: str, path: Path) -> Project:
    """The example in this folder, as it is fetched: no environment, nothing of another run."""
    shutil.copytree(EXAMPLES / name, path, dirs_exist_ok=True, ignore=LEFT_BEHIND)
    return Project(path)


def polls(path: Path) -> Project:
    """Django, with admin, sessions, uploads, a worker and migrations."""
    return copied("polls", path)


def flask_notes(path: Path) -> Project:
    """Flask, with Flask-Migrate."""
    return copied("flask-notes", path)


def conduit(path: Path) -> Project:
    """FastAPI, with pages, pictures and an API; in an environment that is there already."""
    project = copied("conduit", path)
    (path / ".venv").symlink_to(packages("conduit"))
    return project


def bring_up(project: Project) -> str:
    """What the readmes say: ``init``, a secret, ``up``. Gives what ``init`` said."""
    said = project.ok("init")
    project.ok("secrets", "set", "SECRET_KEY", "--from-env", "PATH")  # whatever is long enough
    project.up()
    return said


def raise_version(project: Project, package: str) -> None:
    """What a developer does all day: 1.0.0 becomes 1.1.0."""
    file = project.path / package / "__init__.py"
    before = file.read_text()
    after = before.replace('__version__ = "1.0.0"', '__version__ = "1.1.0"')
    assert after != before
    file.write_text(after)


def count(project: Project, table: str) -> int:
    """How many rows a table of the app has."""
    return int(project.ok("psql", "--", "-Atc", f"select count(*) from {table}"))
