from flask import Blueprint, jsonify, render_template, request

from ledgerbook.models import Note, db

VERSION = "1"
pages = Blueprint("pages", __name__)


@pages.get("/")
def home():
    return {"version": VERSION}


@pages.get("/page")
def page():
    return render_template("page.html")


@pages.get("/notes")
def read():
    return jsonify([note.text for note in Note.query.order_by(Note.id)])


@pages.post("/notes")
def write():
    db.session.add(Note(text=request.get_data(as_text=True)))
    db.session.commit()
    return "", 201
