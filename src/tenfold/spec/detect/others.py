"""What is recognised beside the app itself: migrations, the database, variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tenfold.spec.detect.found import Candidate, Item, Note, Part
from tenfold.spec.detect.installed import Installed
from tenfold.spec.detect.project import Project


def alembic(project: Project, installed: Installed, app: Candidate) -> Part:
    """``alembic.ini`` at the top or one level below; Flask-Migrate's is its own."""
    for file in (project.root / "alembic.ini", *sorted(project.root.glob("*/alembic.ini"))):
        if not file.is_file():
            continue
        where = project.shown(file)
        at = "" if where == "alembic.ini" else f"-c {where} "
        count = sum(1 for _ in file.parent.glob("*/versions/*.py"))
        if "current_app" in _scripts(file):
            folder = project.shown(file.parent)
            count = sum(1 for _ in file.parent.glob("versions/*.py"))
            below = "" if folder == "migrations" else f" -d {folder}"
            entry = app.entry.removesuffix("()")
            what = f"Flask-Migrate, {count} revision{'s' * (count != 1)}"
            return Part(
                migrate=f"flask --app {entry} db upgrade{below}",
                items=(Item("migrations", what, where),),
            )
        notes = [*_alembic_notes(project, file, installed)]
        item = Item("migrations", f"Alembic, {count} revision{'s' * (count != 1)}", where)
        return Part(migrate=f"alembic {at}upgrade head", items=(item,), notes=tuple(notes))
    return Part()


def _alembic_notes(project: Project, file: Path, installed: Installed) -> Iterator[Note]:
    if installed.root is not None and not installed.has("alembic"):
        yield Note(
            f"alembic is not installed in {installed.place}", installed.how_to_add("alembic")
        )
    if installed.root is None and installed.declared and not installed.has("alembic"):
        yield Note(f"{installed.place} does not name alembic", installed.how_to_add("alembic"))
    scripts = _scripts(file)
    url = re.search(
        r"^sqlalchemy\.url\s*=\s*(\S+)", file.read_text("utf-8", "replace"), re.MULTILINE
    )
    own = re.search(
        r"set_main_option|DATABASE_URL|settings|config import|create_(async_)?engine\(", scripts
    )
    if url and not own:
        yield Note(
            f"{project.shown(file)} names a fixed database",
            "in env.py take it from DATABASE_URL",
        )


def _scripts(file: Path) -> str:
    """The text of every ``env.py`` that belongs to this ``alembic.ini``."""
    found = (file.parent / "env.py", *file.parent.glob("*/env.py"))
    return "\n".join(path.read_text("utf-8", "replace") for path in found if path.is_file())


def database(project: Project, installed: Installed) -> Part:
    """Whether the app will find the database that it is given."""
    return Part(notes=tuple(_database_notes(project, installed)))


def _database_notes(project: Project, installed: Installed) -> Iterator[Note]:
    modules = [m for m in project.modules() if not project.is_aside(m.path)]
    if not any(re.search("database_url", m.text, re.IGNORECASE) for m in modules):
        if installed.any("sqlalchemy", "psycopg", "psycopg2", "psycopg2-binary", "asyncpg"):
            yield Note(
                "nothing in the project mentions DATABASE_URL",
                "the database is given to the app in that variable, and in no other way",
            )
        return
    uses_async = next((m for m in modules if "create_async_engine(" in m.text), None)
    if uses_async is not None and not any("postgresql+" in m.text for m in modules):
        yield Note(
            f"{project.shown(uses_async.path)} makes an asynchronous engine",
            'DATABASE_URL says "postgresql://"; replace that by "postgresql+asyncpg://" there',
        )


def dotenv(project: Project) -> Part:
    """A ``.env`` is usually ignored by git, and then it is not part of a release."""
    if not (project.root / ".env").is_file():
        return Part()
    note = Note(
        ".env holds variables for development",
        "if git ignores it, it is not released: name what the app needs in [env]",
    )
    return Part(notes=(note,))
