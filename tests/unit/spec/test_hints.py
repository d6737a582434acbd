"""What Procfile and Dockerfile tell, where the sources leave a choice."""

from __future__ import annotations

import pytest

from tenfold.errors import Ambiguous
from tenfold.spec.detect import Found, detect

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
