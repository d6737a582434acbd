"""Signing up, in and out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from notes.forms import LoginForm, RegisterForm
from notes.models import Person, db

blueprint = Blueprint("accounts", __name__)

# Compared with where nobody has the name, so that the answer takes as long.
NOBODYS_HASH = generate_password_hash("nobody's")


@blueprint.before_app_request
def recognise() -> None:
    """Who is asking: ``g.person``, or None. Only looked up where somebody has signed in."""
    who = session.get("person")
    g.person = db.session.get(Person, who) if who is not None else None


def members(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """A view for people who have signed in; others are asked to."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if g.person is None:
            return redirect(url_for("accounts.login"))
        return view(*args, **kwargs)

    return guarded


@blueprint.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """A new notebook."""
    form = RegisterForm()
    if form.validate_on_submit():
        person = Person(name=form.name.data)
        person.set_password(form.password.data)
        db.session.add(person)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.name.errors.append("Somebody has this name already.")
        else:
            return welcome(person)
    return render_template("register.html", form=form), 422 if form.errors else 200


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Back to one's notebook."""
    form = LoginForm()
    if form.validate_on_submit():
        person = db.session.scalar(select(Person).where(Person.name == form.name.data))
        if person is None:
            check_password_hash(NOBODYS_HASH, form.password.data)
        elif person.has_password(form.password.data):
            return welcome(person)
        form.password.errors.append("Name and password do not fit together.")
    return render_template("login.html", form=form), 422 if form.errors else 200


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """Close the notebook."""
    session.clear()
    return redirect(url_for("accounts.login"))


def welcome(person: Person) -> ResponseReturnValue:
    """Begin a session; nothing of an earlier one stays."""
    session.clear()
    session["person"] = person.id
    flash(f"Good to see you, {person.name}.")
    return redirect(url_for("pages.notes"))
