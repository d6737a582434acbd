"""The notebook: reading, finding, writing and throwing away."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from notes.accounts import members
from notes.forms import NoteForm
from notes.models import Note, db

blueprint = Blueprint("pages", __name__)

A_PAGE = 24


@blueprint.get("/")
@members
def notes() -> ResponseReturnValue:
    """One's own notes, or those in which something was found."""
    wanted = request.args.get("q", "").replace("\0", "").strip()
    mine = select(Note).where(Note.author_id == g.person.id)
    if wanted:
        mine = mine.where(
            or_(
                Note.title.icontains(wanted, autoescape=True),
                Note.body.icontains(wanted, autoescape=True),
            )
        )
    ordered = mine.order_by(Note.pinned.desc(), Note.changed.desc(), Note.id.desc())
    page = db.paginate(ordered, per_page=A_PAGE, max_per_page=A_PAGE)
    return render_template("notes.html", page=page, wanted=wanted)


@blueprint.route("/new", methods=["GET", "POST"])
@members
def new() -> ResponseReturnValue:
    """A note that is not there yet."""
    return write(Note(author_id=g.person.id), "Written.")


@blueprint.route("/<int:number>", methods=["GET", "POST"])
@members
def edit(number: int) -> ResponseReturnValue:
    """A note, to read and to change."""
    return write(own(number), "Changed.")


@blueprint.post("/<int:number>/delete")
@members
def delete(number: int) -> ResponseReturnValue:
    """Throw a note away."""
    db.session.delete(own(number))
    db.session.commit()
    flash("Thrown away.")
    return redirect(url_for("pages.notes"))


def write(note: Note, done: str) -> ResponseReturnValue:
    """Show the form, or keep what was sent."""
    form = NoteForm(obj=note)
    if form.validate_on_submit():
        form.populate_obj(note)
        db.session.add(note)
        db.session.commit()
        flash(done)
        return redirect(url_for("pages.notes"))
    return render_template("note.html", form=form, note=note), 422 if form.errors else 200


def own(number: int) -> Note:
    """One's own note of this number; what is somebody else's does not exist."""
    note = db.session.scalar(select(Note).where(Note.id == number, Note.author_id == g.person.id))
    if note is None:
        abort(404)
    return note


def not_found(error: Any) -> ResponseReturnValue:
    """The page for addresses that lead nowhere."""
    return render_template("not_found.html"), 404
