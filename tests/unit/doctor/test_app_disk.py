"""SQLite files, uploads, extensions."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Find, django_files

SQLITE = """
    from pathlib import Path
    BASE_DIR = Path(__file__).resolve().parent.parent
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db"}}
    """
MODEL = """
    from django.db import models

    class Photo(models.Model):
        image = models.ImageField(upload_to="photos")
    """
UPLOAD = """
    from pathlib import Path
    from fastapi import FastAPI, UploadFile
    app = FastAPI()
    UPLOADS = Path({folder})

    @app.post("/files")
    async def add(file: UploadFile):
        {what}
        return {{}}
    """


@pytest.mark.parametrize(
    ("files", "place", "bites"),
    [
        (django_files(SQLITE), "shop/settings.py:4", "10"),
        ({"db.py": "import sqlite3\ndb = sqlite3.connect('app.db')"}, "db.py:2", "10"),
        ({"db.py": "import sqlite3\ndb = sqlite3.connect('/srv/app.db')"}, "db.py:2", "1k"),
        (
            {"db.py": 'SQLALCHEMY_DATABASE_URL = "sqlite:///./sql_app.db"'},
            "db.py:1",
            "10",
        ),
        (
            {"db.py": 'engine = create_async_engine("sqlite+aiosqlite:///app.db")'},
            "db.py:1",
            "10",
        ),
    ],
)
def test_data_in_an_sqlite_file(find: Find, files: dict[str, str], place: str, bites: str) -> None:
    (seen,) = find("app.sqlite", files)
    assert seen.evidence == (place,)
    assert seen.bites == bites


@pytest.mark.parametrize(
    "files",
    [
        django_files("import dj_database_url\nDATABASES = {'default': dj_database_url.config("
                     "default='sqlite:///db.sqlite3')}"),
        {"db.py": 'import os\nurl = os.environ.get("DATABASE_URL", "sqlite:///./app.db")'},
        {"db.py": 'import os\nurl = os.getenv("DATABASE_URL") or "sqlite:///./app.db"'},
        {"db.py": 'class Settings(BaseSettings):\n    database_url: str = "sqlite:///app.db"'},
        {"db.py": "import sqlite3\ndb = sqlite3.connect(':memory:')"},
        {"db.py": 'engine = create_engine("sqlite:///:memory:")'},
        {"db.py": '"""Reads sqlite:///app.db as well."""'},
        {"tests/db.py": 'url = "sqlite:///test.db"', "app.py": "x = 1"},
    ],
)  # fmt: skip
def test_what_stands_in_for_database_url_is_fine(find: Find, files: dict[str, str]) -> None:
    assert find("app.sqlite", files) == []


def media(line: str) -> dict[str, str]:
    settings = f"""
    from pathlib import Path
    BASE_DIR = Path(__file__).resolve().parent.parent
    {line}
    """
    return django_files(settings, {"shop/models.py": MODEL})


@pytest.mark.parametrize(
    ("files", "bites", "known"),
    [
        (media('MEDIA_ROOT = BASE_DIR / "media"'), "10", {}),
        (media(""), "10", {}),
        (media('MEDIA_ROOT = BASE_DIR / "media"'), "1k", {"kept": ("media",)}),
        (media('MEDIA_ROOT = "/srv/media"'), "1k", {}),
        (media('MEDIA_ROOT = config("MEDIA_ROOT")'), "1k", {}),
    ],
    ids=["in the release", "not set", "kept", "outside", "unknown"],
)
def test_django_uploads(
    find: Find, files: dict[str, str], bites: str, known: dict[str, Any]
) -> None:
    (seen,) = find("app.uploads", files, **known)
    assert seen.bites == bites
    assert seen.evidence[0].startswith("shop/models.py:5 ImageField")


def test_a_library_s_uploads_are_known_by_media_root(find: Find) -> None:
    settings = 'import os\nMEDIA_ROOT = os.path.join(os.path.dirname(__file__), "media")'
    (seen,) = find("app.uploads", django_files(settings))
    assert seen.evidence == ("shop/settings.py:2 MEDIA_ROOT = shop/media",)
    assert find("app.uploads", django_files('MEDIA_ROOT = "/srv/media"')) == []


@pytest.mark.parametrize(
    ("folder", "what", "bites"),
    [
        ('"uploads"', "(UPLOADS / file.filename).write_bytes(await file.read())", "10"),
        ('"uploads"', "open(f'uploads/{file.filename}', 'wb').write(await file.read())", "10"),
        ('"/srv/files"', "(UPLOADS / file.filename).write_bytes(await file.read())", "1k"),
        ("root()", "open(where(file), mode='wb').write(await file.read())", "1k"),
    ],
)
def test_handlers_that_write_files(find: Find, folder: str, what: str, bites: str) -> None:
    (seen,) = find("app.uploads", {"main.py": UPLOAD.format(folder=folder, what=what)})
    assert seen.evidence == ("main.py:9",)
    assert seen.bites == bites


def test_bytes_that_a_helper_of_an_app_with_uploads_writes(find: Find) -> None:
    files = {
        "main.py": UPLOAD.format(folder='"x"', what="store(await file.read())"),
        "media.py": "def store(folder, data):\n    (folder / 'a').write_bytes(data)\n",
        "seed/pictures.py": "def draw(folder, data):\n    (folder / 'a').write_bytes(data)\n",
    }
    (seen,) = find("app.uploads", files)
    assert seen.evidence == ("media.py:2",)


def test_flask_saves_an_upload(find: Find) -> None:
    source = """
        import os
        from flask import Flask, request
        app = Flask(__name__)
        app.config["UPLOAD_FOLDER"] = "uploads"

        @app.post("/")
        def upload():
            sent = request.files["file"]
            sent.save(os.path.join("uploads", sent.filename))
            form.save(commit=True)
            return ""
        """
    (seen,) = find("app.uploads", {"app.py": source})
    assert seen.evidence == ("app.py:10",)
    assert seen.bites == "10"


@pytest.mark.parametrize(
    "files",
    [
        {"main.py": UPLOAD.format(folder='"x"', what="await s3.upload_fileobj(file.file, 'b')")},
        {
            "main.py": UPLOAD.format(
                folder='"x"',
                what="import tempfile\n        open(tempfile.mktemp(), 'wb').write(b'')",
            )
        },
        {"main.py": UPLOAD.format(folder='"x"', what="open('notes.txt').read()")},
        {"report.py": "def write():\n    open('report.txt', 'w').write('x')"},
        django_files(
            'STORAGES = {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}',
            {"shop/models.py": MODEL},
        ),
        django_files("", {"shop/forms.py": MODEL.replace("models", "forms")}),
    ],
    ids=["object store", "temporary", "reads", "no handler", "django in s3", "a form's field"],
)
def test_files_that_are_no_uploads_on_this_disk(find: Find, files: dict[str, str]) -> None:
    assert find("app.uploads", files) == []


MIGRATION = """
    from django.contrib.postgres.operations import CryptoExtension, TrigramExtension
    from django.db import migrations

    class Migration(migrations.Migration):
        operations = [TrigramExtension(), CryptoExtension()]
    """
HAS = frozenset({"plpgsql", "pg_trgm", "vector"})


def test_extensions_that_the_chosen_postgresql_lacks(find: Find) -> None:
    files = {
        "shop/migrations/0001_initial.py": MIGRATION,
        "versions/1.py": "op.execute('create extension if not exists \"uuid-ossp\"')",
    }
    sql = {"schema.sql": "-- tables\nCREATE EXTENSION vector;\nCREATE EXTENSION postgis;\n"}
    found = find("app.extension-missing", files, extensions=HAS, sql=sql)
    assert {s.what.split()[-1]: s.evidence for s in found} == {
        "pgcrypto": ("shop/migrations/0001_initial.py:6",),
        "uuid-ossp": ("versions/1.py:1",),
        "postgis": ("schema.sql:3",),
    }


def test_extensions_that_it_has_are_fine(find: Find) -> None:
    files = {
        "x.py": "op.execute(f'CREATE EXTENSION IF NOT EXISTS \"{name}\"')",
        "m.py": "op.execute('CREATE EXTENSION pg_trgm')",
        "doc.py": '"""create extension x"""',
    }
    assert find("app.extension-missing", files, extensions=HAS) == []
