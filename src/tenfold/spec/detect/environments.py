"""The environment that the app will run in: the one that is there, or the one to be made."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.spec.detect.found import Candidate, Item, Note, Part
from tenfold.spec.detect.installed import Installed
from tenfold.spec.detect.project import Project
from tenfold.spec.packages import Declared

SERVERS = {
    "asgi": ("uvicorn", "hypercorn", "granian", "gunicorn"),
    "wsgi": ("gunicorn", "hypercorn", "granian"),
}
_DRIVERS = (
    "psycopg", "psycopg-binary", "psycopg2", "psycopg2-binary", "asyncpg", "pg8000", "aiopg",
    "psycopg-c", "psqlpy",
)  # fmt: skip
_NEED_A_DRIVER = ("django", "sqlalchemy", "flask-sqlalchemy", "sqlmodel", "advanced-alchemy")
_UNREAD = {"Pipfile.lock": "pipenv requirements > requirements.txt", "environment.yml": ""}


def look(project: Project, installed: Installed, app: Candidate) -> Part:
    """The virtual environment, the server in it, and what says which packages belong there."""
    server = installed.any(*SERVERS[app.interface])
    return Part(
        items=tuple(_items(installed, server)),
        notes=(
            *_without_any(project, installed),
            *_server(installed, server, app),
            *_driver(installed),
            *_said(installed),
        ),
    )


def _items(installed: Installed, server: str | None) -> Iterator[Item]:
    if installed.root is not None:
        folder = installed.root.name
        what = f"{folder} with {installed.titled(server)}" if server else folder
        yield Item("environment", what, f"{folder}/pyvenv.cfg")
    declared = installed.declared
    if declared is not None:
        made = "" if installed.root is not None else ", of which Tenfold makes an environment"
        yield Item("requirements", f"{_counted(declared)}{made}", declared.file)


def _counted(declared: Declared) -> str:
    count = declared.count
    how = "locked" if declared.locked else "required"
    return f"{count} package{'s' * (count != 1)} {how}"


def _without_any(project: Project, installed: Installed) -> Iterator[Note]:
    if installed.root is not None or installed.declared is not None or installed.fault:
        return
    yield Note(
        "there is no virtual environment (.venv), and no file that says which packages are needed",
        "make .venv or write requirements.txt; without, the Python that runs Tenfold is used",
    )
    for name, way in _UNREAD.items():
        if (project.root / name).is_file():
            yield Note(f"{name} is not read", way or "write requirements.txt")


def _server(installed: Installed, server: str | None, app: Candidate) -> Iterator[Note]:
    wanted = SERVERS[app.interface][0]
    if server is not None or (installed.root is None and installed.declared is None):
        return
    if installed.root is not None:
        fact = f"no {app.interface.upper()} server that Tenfold can run is in {installed.place}"
        yield Note(fact, installed.how_to_add(wanted))
        return
    yield Note(
        f"{installed.place} names no {app.interface.upper()} server",
        f"Tenfold adds {wanted}; to fix its version: {installed.how_to_add(wanted)}",
    )


def _driver(installed: Installed) -> Iterator[Note]:
    user = installed.any(*_NEED_A_DRIVER)
    if user and not installed.any(*_DRIVERS):
        yield Note(
            f"{user} is in {installed.place}, but no driver for PostgreSQL",
            installed.how_to_add('"psycopg[binary]"'),
        )


def _said(installed: Installed) -> Iterator[Note]:
    if installed.fault:
        yield Note(installed.fault, "until it can be read, nothing is known of the packages")
    if installed.declared and installed.root is None:
        for text in installed.declared.notes:
            yield Note(text, "remove what is not meant")
