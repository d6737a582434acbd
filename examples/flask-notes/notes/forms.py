"""What people fill in."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, PasswordField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length, Regexp


def stripped(text: str | None) -> str | None:
    """Without the space around."""
    return text.strip() if text else text


def plain(form: FlaskForm, field: Field) -> None:
    """No text in PostgreSQL can have a NUL."""
    if "\0" in (field.data or ""):
        raise ValidationError("This has a character that cannot be kept.")


class LoginForm(FlaskForm):
    """A name and a password."""

    name = StringField("Name", [InputRequired(), plain], filters=[stripped])
    password = PasswordField("Password", [InputRequired(), Length(max=200)])


class RegisterForm(FlaskForm):
    """The same, with rules."""

    name = StringField(
        "Name",
        [
            InputRequired(),
            Length(2, 50),
            Regexp(r"^[\w .-]+$", message="Letters, digits, spaces, dots and hyphens, please."),
        ],
        filters=[stripped],
    )
    password = PasswordField("Password", [InputRequired(), Length(8, 200)])


class NoteForm(FlaskForm):
    """A note."""

    title = StringField("Title", [InputRequired(), Length(max=200), plain], filters=[stripped])
    body = TextAreaField("Note", [Length(max=20_000), plain])
    pinned = BooleanField("Keep it on top")
