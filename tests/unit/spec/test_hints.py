"""What Procfile and Dockerfile tell, where the sources leave a choice."""

from __future__ import annotations

import pytest

from tenfold.errors import Ambiguous
from tenfold.spec.detect import Found, detect
from tenfold.spec.read import parse
from tenfold.spec.write import text

from .conftest import Make

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
TWO = {"admin.py": FASTAPI, "site/main.py": FASTAPI}


def notes(found: Found) -> list[str]:
    return [note.fact for note in found.notes if "virtual environment" not in note.fact]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Procfile", "web: uvicorn site.main:app --host 0.0.0.0 --port $PORT\n"),
        ("Procfile", "# ours\nweb: exec gunicorn -k uvicorn.workers.UvicornWorker site.main:app"),
        ("Dockerfile", 'FROM python:3.12\nCMD ["uvicorn", "site.main:app"]\n'),
        ("Dockerfile", "FROM x\nENTRYPOINT /bin/sh run.sh\nCMD uvicorn \\\n  site.main:app\n"),
    ],
)
def test_of_two_apps_the_one_that_is_served_elsewhere_is_meant(
    make: Make, name: str, text: str
) -> None:
    assert detect(make({**TWO, name: text})).app == "site.main:app"


def test_an_app_that_is_named_goes_before_any_hint(make: Make) -> None:
    root = make({**TWO, "Procfile": "web: uvicorn site.main:app\n"})
    assert detect(root, app="admin:app").app == "admin:app"


@pytest.mark.parametrize("text", ["web: python run.py", "web: uvicorn other:app", "nonsense", ""])
def test_a_hint_that_does_not_help_leaves_the_choice(make: Make, text: str) -> None:
    with pytest.raises(Ambiguous):
        detect(make({**TWO, "Procfile": text}))


@pytest.mark.parametrize(
    ("command", "interface"),
    [("gunicorn shop.wsgi:site", "wsgi"), ("hypercorn shop.wsgi:site", "asgi")],
)
def test_an_app_that_only_a_hint_knows(make: Make, command: str, interface: str) -> None:
    files = {"shop/__init__.py": "", "shop/wsgi.py": "from framework import site\n"}
    found = detect(make({**files, "Procfile": f"web: {command}\n"}))
    assert (found.app, found.interface) == ("shop.wsgi:site", interface)


def test_a_migration_at_each_release_is_taken_over(make: Make) -> None:
    files = {"main.py": FASTAPI, "Procfile": "release: python -m shop migrate\nweb: x\n"}
    found = detect(make(files))
    assert found.migrate == "python -m shop migrate"
    assert notes(found) == []


def test_a_migration_that_the_sources_tell_goes_before(make: Make) -> None:
    files = {"main.py": FASTAPI, "alembic.ini": "", "Procfile": "release: ./x migrate\n"}
    assert detect(make(files)).migrate == "alembic upgrade head"


def test_what_runs_at_each_release_is_named(make: Make) -> None:
    text = "web: uvicorn main:app\nrelease: ./a && ./b\n"
    assert notes(detect(make({"main.py": FASTAPI, "Procfile": text}))) == [
        "Procfile runs at each release: ./a && ./b"
    ]


def test_a_dockerfile_that_is_no_text_is_no_hint(make: Make) -> None:
    root = make({"main.py": FASTAPI})
    (root / "Dockerfile").write_bytes(b"\xff\xfe CMD [1, {\n")
    assert detect(root).app == "main:app"


def packages(*names: str) -> dict[str, str]:
    """A virtual environment that has these."""
    site = ".venv/lib/python3.12/site-packages"
    records = {f"{site}/{n}-1.0.dist-info/METADATA": f"Name: {n}\nVersion: 1.0\n" for n in names}
    return {".venv/pyvenv.cfg": "version = 3.12.0\n", **records}


@pytest.mark.parametrize(
    ("command", "installed", "kind", "written"),
    [
        ("granian main:app", ["granian", "uvicorn"], "granian", None),
        ("granian main:app", ["uvicorn"], None, None),
        ("uvicorn main:app", ["uvicorn"], None, None),
        (
            "daphne -b 0.0.0.0 -p $PORT main:app",
            ["daphne"],
            None,
            "daphne -b {host} -p $PORT main:app",
        ),
        ("daphne -b 0.0.0.0 -p $PORT main:app", ["daphne", "uvicorn"], None, None),
        ("waitress-serve main:app", ["waitress"], None, None),
        ("waitress-serve --port=$PORT main:app && true", ["waitress"], None, None),
    ],
)
def test_the_server_that_is_hinted_is_taken_if_it_is_there(
    make: Make, command: str, installed: list[str], kind: str | None, written: str | None
) -> None:
    files = {"main.py": FASTAPI, "Procfile": f"web: {command}\n", **packages(*installed)}
    found = detect(make(files))
    assert (found.kind, found.command) == (kind, written)
    spec = parse(text(found))
    assert (spec.server.kind, spec.command) == (kind or "auto", written)
    assert (spec.app is None) == (written is not None)
