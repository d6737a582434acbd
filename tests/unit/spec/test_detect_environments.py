"""What ``init`` says of the packages: those that are there, those that will be installed."""

from __future__ import annotations

import os

import pytest

from tenfold.spec.detect import Found, detect

from .conftest import Make

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


def told(found: Found) -> list[tuple[str, str]]:
    return [(note.fact, note.then) for note in found.notes]


def seen(found: Found, kind: str) -> list[tuple[str, str]]:
    return [(item.what, item.where) for item in found.items if item.kind == kind]


def test_without_an_environment_the_declared_packages_count(make: Make) -> None:
    found = detect(make({"main.py": FASTAPI, "requirements.txt": "fastapi==1.2\nuvicorn\n"}))
    what = "2 packages required, of which Tenfold makes an environment"
    assert seen(found, "requirements") == [(what, "requirements.txt")]
    assert seen(found, "framework") == [("FastAPI 1.2", "main.py:2")]
    assert told(found) == []


@pytest.mark.parametrize(
    ("files", "how"),
    [
        ({"requirements.txt": "fastapi\n"}, "add uvicorn to requirements.txt"),
        ({"uv.lock": ""}, "uv add uvicorn"),
        ({"poetry.lock": ""}, "poetry add uvicorn"),
        ({"pdm.lock": ""}, "pdm add uvicorn"),
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, "add uvicorn to pyproject.toml"),
    ],
)
def test_a_server_that_is_missing_will_be_added(
    make: Make, files: dict[str, str], how: str
) -> None:
    found = detect(make({"main.py": FASTAPI, **files}))
    fact = f"{next(iter(files))} names no ASGI server"
    assert told(found) == [(fact, f"Tenfold adds uvicorn; to fix its version: {how}")]


def test_a_driver_and_alembic_that_are_missing_are_told(make: Make) -> None:
    files = {
        "main.py": FASTAPI,
        "requirements.txt": "fastapi\nuvicorn\nsqlalchemy\n",
        "alembic.ini": "",
        "db.py": "import os\nURL = os.environ['DATABASE_URL']\n",
    }
    assert told(detect(make(files))) == [
        ("requirements.txt does not name alembic", "add alembic to requirements.txt"),
        (
            "sqlalchemy is in requirements.txt, but no driver for PostgreSQL",
            'add "psycopg[binary]" to requirements.txt',
        ),
    ]


def test_two_locks_are_told(make: Make) -> None:
    found = detect(make({"main.py": FASTAPI, "uv.lock": "", "poetry.lock": ""}))
    assert told(found)[-1][0] == "poetry.lock is not used: uv.lock is there as well"


def test_files_of_tools_that_are_not_read_are_told(make: Make) -> None:
    found = detect(make({"main.py": FASTAPI, "Pipfile.lock": "{}"}))
    assert told(found)[-1] == ("Pipfile.lock is not read", "pipenv requirements > requirements.txt")


def test_a_broken_file_is_told_and_the_rest_is_found(make: Make) -> None:
    found = detect(make({"main.py": FASTAPI, "uv.lock": "version = ["}))
    assert found.app == "main:app"
    assert "uv.lock is no TOML" in told(found)[0][0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_told_and_the_rest_is_found(make: Make) -> None:
    root = make({"main.py": FASTAPI, "requirements.txt": "fastapi", ".env": "X=1"})
    for name in ("requirements.txt", ".env"):
        (root / name).chmod(0)
    found = detect(root)
    assert "requirements.txt cannot be read: permission denied" in told(found)[0][0]


def test_the_name_that_poetry_knows(make: Make) -> None:
    files = {"main.py": FASTAPI, "pyproject.toml": '[tool.poetry]\nname = "My_Larder"\n'}
    assert detect(make(files)).name == "my-larder"


def test_names_with_spaces_and_letters_of_all_kinds(make: Make) -> None:
    root = make({"Küche & Co/main.py": FASTAPI, "Küche & Co/requirements.txt": "fastapi\n"})
    assert detect(root / "Küche & Co").app == "main:app"
