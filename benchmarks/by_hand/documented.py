"""Setting up a project that was brought along as the tools' and frameworks' own pages have it."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.brought import APP
from tests.support.ports import free_port
from tests.support.venvs import environment
from uv import find_uv_bin

from benchmarks.account import give
from benchmarks.by_hand.postgresql import Postgres
from benchmarks.processes import Daemon, run, wait_for
from benchmarks.watcher import answers

Argv = tuple[str, ...]
VENV: Argv = (sys.executable, "-m", "venv", ".venv")
PIP: Argv = (".venv/bin/pip", "install", "--quiet")
UV = find_uv_bin()
# Where this machine's packages come from, and whom it trusts.
TOLD = (
    "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
)  # fmt: skip
MANAGE: tuple[Argv, ...] = (
    (".venv/bin/python", "manage.py", "migrate", "--noinput"),
    (".venv/bin/python", "manage.py", "collectstatic", "--noinput"),
)
ALEMBIC: tuple[Argv, ...] = ((".venv/bin/alembic", "upgrade", "head"),)


@dataclass(frozen=True, slots=True)
class Setup:
    """The commands that a page names: to install, to prepare the database, to serve."""

    install: tuple[Argv, ...]
    prepare: tuple[Argv, ...]
    serve: Argv
    env: Mapping[str, str] | None = None


def uvicorn(entry: str, *options: str) -> Argv:
    return (".venv/bin/uvicorn", entry, "--workers", "2", *options)


def gunicorn(entry: str) -> Argv:
    return (".venv/bin/gunicorn", "--workers", "2", entry)


def tool(name: str, requirement: str) -> str:
    """A tool that whoever uses it has already."""
    return str(environment(name, (requirement,)) / "bin" / name)


def setups() -> dict[str, Setup]:
    """By project."""
    requirements = (VENV, (*PIP, "-r", "requirements.txt"))
    in_project = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "PDM_CHECK_UPDATE": "false"}
    return {
        "django_wsgi": Setup(requirements, MANAGE, gunicorn("guestbook.wsgi")),
        "django_asgi": Setup(
            ((UV, "sync", "--quiet", "--no-dev"),),
            MANAGE,
            uvicorn("config.asgi:application"),
            {"DJANGO_SETTINGS_MODULE": "config.settings.production"},
        ),
        "fastapi_uv": Setup(
            ((UV, "sync", "--quiet", "--no-dev"),), ALEMBIC, uvicorn("shelf.main:app")
        ),
        "fastapi_poetry": Setup(
            ((tool("poetry", "poetry>=2.1,<3"), "install", "--only", "main", "-n"),),
            (),
            uvicorn("larder.main:app"),
            in_project,
        ),
        "starlette_pdm": Setup(
            ((tool("pdm", "pdm[locked]>=2.24,<3"), "sync", "--prod"),),
            (),
            uvicorn("pantry.web:app"),
            in_project,
        ),
        "litestar_pylock": Setup(
            ((UV, "venv", "--quiet"), (UV, "pip", "install", "--quiet", "-r", "pylock.toml")),
            (),
            uvicorn("attic:app"),
        ),
        "flask_factory": Setup(
            (VENV, (*PIP, *_dependencies("flask_factory"), "gunicorn")),
            ((".venv/bin/flask", "--app", "ledgerbook:create_app", "db", "upgrade"),),
            gunicorn("ledgerbook:create_app()"),
        ),
        "plain_asgi": Setup((*requirements, (*PIP, "uvicorn")), (), uvicorn("service:app")),
        "plain_wsgi": Setup((*requirements, (*PIP, "gunicorn")), (), gunicorn("wsgi")),
        "procfile_docker": Setup(
            (VENV, (*PIP, "-r", "requirements/production.txt")),
            ALEMBIC,
            uvicorn("api.public:app"),
        ),
    }


def _dependencies(name: str) -> Argv:
    text = (APP[name].source / "pyproject.toml").read_text()
    return tuple(tomllib.loads(text)["project"]["dependencies"])


class DocumentedSite:
    """A project set up by its page, with a PostgreSQL of its own and no proxy in front."""

    def __init__(self, name: str, setup: Setup, folder: Path, cache: Path) -> None:
        folder.mkdir()
        give(folder)
        self._setup, self._folder = setup, folder
        self._code = APP[name](folder / "app").path
        give(self._code)
        self._postgres = Postgres(folder / "postgres", free_port(), name)
        self._server: Daemon | None = None
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._address = ("127.0.0.1", port)
        self._caches = {
            "HOME": str(cache),
            "UV_CACHE_DIR": str(cache / "uv"),
            "PIP_CACHE_DIR": str(cache / "pip"),
            "POETRY_CACHE_DIR": str(cache / "poetry"),
            "PDM_CACHE_DIR": str(cache / "pdm"),
        }

    def up(self) -> None:
        """One command after the other, until it answers."""
        for argv in self._setup.install:
            self._run(argv)
        self._postgres.initialise()
        self._postgres.start()
        self._postgres.create()
        for argv in self._setup.prepare:
            self._run(argv)
        self._server = Daemon(
            self._serving(), log=self._folder / "server.log", cwd=self._code, env=self._env()
        )
        wait_for(lambda: answers(self.url), "the server", daemon=self._server)

    def _serving(self) -> Argv:
        host, port = self._address
        if "gunicorn" in self._setup.serve[0]:
            return (*self._setup.serve, "--bind", f"{host}:{port}")
        return (*self._setup.serve, "--host", host, "--port", str(port))

    def _run(self, argv: Argv) -> None:
        run(argv, cwd=self._code, env=self._env())

    def _env(self) -> dict[str, str]:
        more = dict(self._setup.env or {})
        kept = {name: os.environ[name] for name in TOLD if name in os.environ}
        return {**kept, **self._caches, "DATABASE_URL": self._postgres.url, **more}

    def close(self) -> None:
        """Stop the server and the database."""
        if self._server is not None:
            self._server.end()
        self._postgres.stop()
