"""Directories of user files: named by settings and mounts, by habit."""

from __future__ import annotations

import pytest

from tenfold.spec.detect import detect
from tenfold.spec.detect.found import Stored
from tenfold.spec.read import parse
from tenfold.spec.write import text

from .conftest import Make

FLASK = """
    import os
    from flask import Flask
    app = Flask(__name__)
    BASE = os.path.dirname(os.path.abspath(__file__))
    """


@pytest.mark.parametrize(
    ("line", "directory"),
    [
        ('app.config["UPLOAD_FOLDER"] = "uploads"', "uploads"),
        ('UPLOAD_FOLDER = os.path.join(BASE, "static", "up")', "static/up"),
        ('app.config.update(UPLOAD_FOLDER="files")', "files"),
        ('app.config.from_mapping(MEDIA_ROOT=os.path.join(BASE, "m"))', "m"),
        ('class Config:\n        UPLOADS_DIR = "var/up"', "var/up"),
    ],
)
def test_a_setting_keeps_a_directory_and_serves_nothing(
    make: Make, line: str, directory: str
) -> None:
    found = detect(make({"app.py": f"{FLASK}{line}\n"}))
    assert found.storage == (Stored(directory),)
    spec = parse(text(found))
    assert (spec.storage.dirs, dict(spec.storage.urls)) == ((directory,), {})
    assert f"{directory}/ is kept across releases, and the app itself serves it" in {
        note.fact for note in found.notes
    }


@pytest.mark.parametrize(
    "line",
    [
        'UPLOAD_FOLDER = "/srv/uploads"',
        'UPLOAD_FOLDER = os.environ["UPLOADS"]',
        "UPLOAD_FOLDER = BASE",
        'UPLOAD_FOLDER = ""',
        'UPLOAD_FOLDER = "../uploads"',
        "MEDIA_ROOT = 3",
        "UPLOAD_LIMIT = 'uploads'",
    ],
)
def test_what_lies_elsewhere_or_cannot_be_read_is_left_alone(make: Make, line: str) -> None:
    assert detect(make({"app.py": f"{FLASK}{line}\n"})).storage == ()


def test_a_folder_with_code_is_no_folder_of_uploads(make: Make) -> None:
    files = {"app.py": f'{FLASK}UPLOAD_FOLDER = "shop"\n', "shop/models.py": ""}
    assert detect(make(files)).storage == ()


def test_a_mount_of_uploads_is_served_as_user_files_whether_it_is_there_yet_or_not(
    make: Make,
) -> None:
    root = make(
        {
            "main.py": """
                from fastapi import FastAPI
                from fastapi.staticfiles import StaticFiles
                UPLOAD_DIR = "uploads"
                app = FastAPI()
                app.mount("/uploads", StaticFiles(directory=UPLOAD_DIR))
                app.mount("/pictures", StaticFiles(directory="media"))
                app.mount("/static", StaticFiles(directory="static"))
                """,
            "static/site.css": "",
        }
    )
    found = detect(root)
    assert set(found.storage) == {Stored("uploads", "/uploads"), Stored("media", "/pictures")}
    assert found.assets == (("/static", "static"),)
    assert not [note for note in found.notes if "itself serves" in note.fact]
    spec = parse(text(found))
    assert dict(spec.storage.urls) == {"/uploads": "uploads", "/pictures": "media"}
