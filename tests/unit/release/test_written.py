"""What is taken for written by the app: whatever a build cannot have left."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tenfold.release import files
from tenfold.release.build import build
from tenfold.release.record import Release
from tenfold.release.running import Here
from tenfold.release.written import written
from tenfold.spec.read import parse

from .conftest import NOBODY, commit, write


@pytest.fixture
def release(project: Path, venv: Path, state: Path) -> Release:
    """Built with links, an empty folder and a generated file; nothing in it is written since."""
    write(project, {"docs/a.md": ""})
    (project / "docs/link.md").symlink_to("a.md")
    (project / "guide").symlink_to("docs")
    commit(project)
    spec = parse(
        'name = "shop"\napp = "shop.main:app"\n'
        '[release]\nbuild = "mkdir empty && echo x > made && ln -s made also"\n'
    )
    return build(spec, project, state, run=Here())


def test_nothing_in_a_fresh_release(release: Release) -> None:
    assert written(release) == ()


def test_a_database_and_an_upload(release: Release) -> None:
    with sqlite3.connect(release.app / "db.sqlite3") as database:
        database.execute("create table t (x)")
    database.close()
    write(release.app, {"media/2026/cat.jpg": "x", "shop/notes.txt": "x"})
    assert written(release) == ("db.sqlite3", "media/2026/cat.jpg", "shop/notes.txt")


def test_a_file_that_was_replaced(release: Release) -> None:
    fresh = release.app / "made.new"
    fresh.write_text("y")
    fresh.rename(release.app / "made")
    assert written(release) == ("made",)


def test_a_file_that_was_made_writable(release: Release) -> None:
    (release.app / "made").chmod(0o644)
    assert written(release) == ("made",)


def test_a_link_that_was_added(release: Release) -> None:
    (release.app / "current").symlink_to("docs")
    (release.app / "latest.md").symlink_to("docs/a.md")
    assert written(release) == ("current", "latest.md")


def test_what_nothing_is_lost_with(release: Release) -> None:
    """An empty folder or socket of an app that cleans up would refuse every deploy otherwise."""
    write(release.app, {"shop/__pycache__/late.cpython-312.pyc": "x"})
    (release.app / "tmp").mkdir()
    (release.app / "empty/x").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        opened = os.open(release.app, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{opened}/app.sock")
        os.close(opened)
        assert written(release) == ()


def test_a_folder_that_the_app_wrote_to_before_is_not_named_itself(release: Release) -> None:
    write(release.app, {"empty/x": ""})
    (release.app / "empty/x").unlink()
    assert written(release) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_root_the_app_cannot_write_there_at_all(public: Path) -> None:
    """A release that was frozen for another account belongs to root, folders too."""
    write(public, {"app/main.py": ""})
    files.freeze(public / "app", NOBODY)
    code = f"open({str(public / 'app/db.sqlite3')!r}, 'w')"
    done = subprocess.run(
        ["/usr/bin/python3", "-c", code],
        user=NOBODY.uid, group=NOBODY.gid, extra_groups=[], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "PermissionError" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_an_ordinary_user_owns_the_release_that_their_app_writes_to(public: Path) -> None:
    """Frozen by its owner: files cannot be opened for writing, but folders take new ones."""
    write(public, {"app/main.py": "x"})
    for path in (public / "app", public / "app/main.py"):
        os.chown(path, NOBODY.uid, NOBODY.gid)
    files.freeze(public / "app")
    app = public / "app"
    code = (
        f"open({str(app / 'db.sqlite3')!r}, 'w')\n"
        f"try: open({str(app / 'main.py')!r}, 'a')\n"
        "except PermissionError: print('read-only')"
    )
    said = subprocess.check_output(
        ["/usr/bin/python3", "-c", code],
        user=NOBODY.uid, group=NOBODY.gid, extra_groups=[], text=True,
    )  # fmt: skip
    assert said == "read-only\n"
    assert (app / "db.sqlite3").stat().st_mode & 0o200
    assert not (app / "main.py").stat().st_mode & 0o222
