"""The notebook."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from support import MIGRATIONS, Browser


def titles(browser: Browser, path: str = "/") -> list[str]:
    return re.findall(r'<a href="/\d+">(.*?)</a></h2>', browser.get(path).text)


def number(browser: Browser) -> str:
    found = re.search(r'href="/(\d+)"', browser.get("/").text)
    assert found
    return found[1]


def test_a_note_is_written_read_changed_and_thrown_away(ada: Browser) -> None:
    assert "Written." in ada.submit("/new", title="Bread", body="Flour, water").text
    path = f"/{number(ada)}"
    assert "Flour, water" in ada.get(path).text
    assert "Changed." in ada.submit(path, title="Bread", body="Flour, water, salt").text
    assert "salt" in ada.get("/").text
    assert "Thrown away." in ada.submit(path, f"{path}/delete").text
    assert titles(ada) == []
    assert ada.get(path).status_code == 404


def test_a_notebook_is_for_its_owner_alone(ada: Browser, ben: Browser) -> None:
    ada.submit("/new", title="A secret", body="")
    path = f"/{number(ada)}"
    assert ben.get(path).status_code == 404
    assert ben.submit("/new", path, title="Mine now", body="").status_code == 404
    assert ben.submit("/new", f"{path}/delete").status_code == 404
    assert titles(ben) == []
    assert titles(ada) == ["A secret"]


def test_pinned_notes_come_first_then_the_latest(ada: Browser) -> None:
    for title in ("One", "Two", "Three"):
        ada.submit("/new", title=title, body="")
    assert titles(ada) == ["Three", "Two", "One"]
    first = re.search(r'href="/(\d+)">One', ada.get("/").text)
    assert first
    ada.submit(f"/{first[1]}", title="One", body="", pinned="y")
    assert titles(ada) == ["One", "Three", "Two"]


def test_notes_are_found_by_what_is_in_them(ada: Browser) -> None:
    ada.submit("/new", title="Bread", body="100% rye")
    ada.submit("/new", title="Soup", body="Leeks")
    assert titles(ada, "/?q=LEEK") == ["Soup"]
    assert titles(ada, "/?q=bread") == ["Bread"]
    assert titles(ada, "/?q=0%25") == ["Bread"]
    assert titles(ada, "/?q=%25") == ["Bread"], "a percent sign is a percent sign"
    assert titles(ada, "/?q=%00") == ["Soup", "Bread"]
    assert "No note has “cake” in it" in ada.get("/?q=cake").text


def test_long_notebooks_have_pages(ada: Browser) -> None:
    for count in range(25):
        ada.submit("/new", title=f"Note {count}", body="")
    assert len(titles(ada)) == 24
    assert titles(ada, "/?page=2") == ["Note 0"]


REFUSED = [
    {"title": ""},
    {"title": "x" * 201},
    {"title": "a\0"},
    {"title": "x", "body": "\0"},
    {"title": "x", "body": "x" * 20_001},
]


@pytest.mark.parametrize("fields", REFUSED)
def test_what_cannot_be_kept_is_refused_and_not_lost(ada: Browser, fields: dict[str, str]) -> None:
    page = ada.submit("/new", **{"body": "kept", **fields})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert titles(ada) == []


def test_what_people_write_is_shown_as_text(ada: Browser) -> None:
    attack = "<script>alert(1)</script>"
    ada.submit("/new", title=attack, body=attack)
    for path in ("/", f"/{number(ada)}", f"/?q={attack}"):
        assert "<script" not in ada.get(path).text


def test_pages_have_nothing_inline_and_the_policy_says_so(ada: Browser) -> None:
    ada.submit("/new", title="Bread", body="")
    for path in ("/", "/new", f"/{number(ada)}", "/login", "/register", "/nowhere", "/healthz"):
        page = ada.get(path)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert " style=" not in page.text


def test_health(stranger: Browser) -> None:
    assert stranger.client.get("/healthz").text == "ok\n"


def test_migrations_make_the_tables_that_the_models_say(app: Flask) -> None:
    with app.app_context():
        downgrade(str(MIGRATIONS), revision="base")
        upgrade(str(MIGRATIONS))
        check(str(MIGRATIONS))
