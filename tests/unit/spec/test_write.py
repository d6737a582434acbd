from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.errors import UsageError
from tenfold.spec import write
from tenfold.spec.detect import Found
from tenfold.spec.read import load, parse


def found(root: Path) -> Found:
    return Found(
        root=root,
        name="bakery",
        app="bakery.wsgi:application",
        interface="wsgi",
        python="venv/bin/python",
        pythonpath=("src",),
        build="python manage.py collectstatic --noinput",
        migrate='sh -c "python manage.py migrate"',
        health="/healthz/",
        assets=(("/static", "static files"), ("/media", "größe")),
        env=(("DJANGO_SETTINGS_MODULE", "bakery.settings.production"),),
    )


def test_what_was_found_is_what_is_read(tmp_path: Path) -> None:
    path = write.write(found(tmp_path))
    spec = load(path)
    assert (spec.name, spec.app) == ("bakery", "bakery.wsgi:application")
    assert (spec.python, spec.pythonpath) == ("venv/bin/python", ("src",))
    assert spec.release.build == "python manage.py collectstatic --noinput"
    assert spec.release.migrate == 'sh -c "python manage.py migrate"'
    assert spec.release.health == "/healthz/"
    assert dict(spec.static.assets) == {"/static": "static files", "/media": "größe"}
    assert dict(spec.env) == {"DJANGO_SETTINGS_MODULE": "bakery.settings.production"}


def test_the_smallest_file_has_no_empty_tables(tmp_path: Path) -> None:
    text = write.text(Found(tmp_path, "shop", "main:app", "asgi"))
    assert parse(text).app == "main:app"
    assert "[" not in text


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").write_text("mine")
    with pytest.raises(UsageError, match="already"):
        write.write(found(tmp_path))
    assert (tmp_path / "tenfold.toml").read_text() == "mine"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="already"):
        write.write(found(tmp_path))
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_gone_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write.write(found(tmp_path / "gone"))
