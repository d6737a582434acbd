"""The apps that are measured, and where each one's environment is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import Project
from tests.support.venvs import FASTAPI, environment

ROOT = Path(__file__).resolve().parents[2]
CONDUIT = ROOT / "examples" / "conduit"
LEFT_OUT = shutil.ignore_patterns(
    ".tenfold", ".venv", ".*_cache", "__pycache__", "media", "tests", ".git"
)


@dataclass(frozen=True, slots=True)
class App:
    """An app that both sides can run.

    Attributes:
        source: its directory, copied for each side.
        environment: makes or finds its virtual environment.
        entry: what uvicorn imports.
        path: the route that is measured.
        health: answers 200 when it is well.
        migrate, seed: modules with arguments, run once by its interpreter.
    """

    name: str
    source: Path
    environment: Callable[[], Path]
    entry: str
    path: str
    health: str
    migrate: tuple[str, ...] = ()
    seed: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment() / "bin" / "python"

    def copy(self, folder: Path) -> Path:
        """Its code in a directory that does not exist yet."""
        shutil.copytree(self.source, folder, ignore=LEFT_OUT)
        return folder

    def project(self, folder: Path) -> Project:
        """The same as a project of Tenfold's."""
        project = Project(self.copy(folder))
        (folder / ".venv").symlink_to(self.environment())
        return project


def _notes_environment() -> Path:
    return environment("fastapi", FASTAPI)


def _conduit_environment() -> Path:
    venv = CONDUIT / ".venv"
    if not (venv / "bin" / "python").exists():
        raise FileNotFoundError(f"{venv} is missing; `make bench` makes it")
    return venv


NOTES = App(
    name="notes",
    source=Path(__file__).parent / "notes",
    environment=_notes_environment,
    entry="notes:app",
    path="/hello",
    health="/hello",
)
DIARY = App(
    name="diary",
    source=Path(__file__).parent / "diary",
    environment=_notes_environment,
    entry="diary:app",
    path="/notes",
    health="/hello",
    migrate=("migrate",),
)
CONDUIT_APP = App(
    name="conduit",
    source=CONDUIT,
    environment=_conduit_environment,
    entry="conduit.main:app",
    path="/api/articles",
    health="/healthz",
    migrate=("alembic", "upgrade", "head"),
    seed=("conduit.seed",),
)


def installed(app: App, package: str) -> str:
    """The version of a package in the app's environment."""
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run(
        [app.python, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()
