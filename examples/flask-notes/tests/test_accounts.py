"""Signing up, in and out."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from support import PASSWORD, Browser

from notes.models import Person, db


def test_whoever_signs_up_is_in_and_comes_back(stranger: Browser) -> None:
    assert "Good to see you, ada." in stranger.sign_up("ada").text
    stranger.submit("/", "/logout")
    assert "Welcome back" in stranger.get("/").text
    page = stranger.submit("/login", name=" ada ", password=PASSWORD)
    assert "Good to see you, ada." in page.text


def test_a_name_belongs_to_one_person(stranger: Browser, ada: Browser) -> None:
    page = stranger.sign_up("ada")
    assert page.status_code == 422
    assert "Somebody has this name already." in page.text


@pytest.mark.parametrize("name", ["", "a", "x" * 51, "<b>", "a\0b"])
def test_odd_names_are_refused(stranger: Browser, name: str) -> None:
    assert stranger.sign_up(name).status_code == 422


def test_a_short_password_is_refused(stranger: Browser) -> None:
    page = stranger.submit("/register", name="ada", password="short")
    assert page.status_code == 422


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("eve", PASSWORD), ("\0", "x")])
def test_the_wrong_password_and_an_unknown_name_look_the_same(
    stranger: Browser, ada: Browser, name: str, password: str
) -> None:
    page = stranger.submit("/login", name=name, password=password)
    assert page.status_code == 422
    assert "fit together" in page.text or "cannot be kept" in page.text
    assert "Welcome back" in stranger.get("/").text


def test_passwords_are_not_kept(app: Flask, ada: Browser) -> None:
    with app.app_context():
        assert PASSWORD not in db.session.scalars(select(Person.password_hash)).one()


@pytest.mark.parametrize("path", ["/", "/new", "/1"])
def test_strangers_are_asked_to_sign_in(stranger: Browser, path: str) -> None:
    assert stranger.client.get(path).location == "/login"


def test_a_deleted_person_is_a_stranger(app: Flask, ada: Browser) -> None:
    with app.app_context():
        db.session.delete(db.session.scalars(select(Person)).one())
        db.session.commit()
    assert "Welcome back" in ada.get("/").text


@pytest.mark.parametrize("path", ["/login", "/register", "/logout", "/new", "/1/delete"])
def test_a_form_of_another_site_is_refused(ada: Browser, path: str) -> None:
    assert ada.client.post(path, data={"name": "x"}).status_code == 400
