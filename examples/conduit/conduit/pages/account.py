"""Signing up, in and out, and one's settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from conduit import accounts, errors
from conduit.database import Writing
from conduit.errors import Errors, Problem
from conduit.pages.session import (
    BriefPage,
    Page,
    PostingMember,
    ReadingPage,
    VisitorsForm,
    close_session,
    open_session,
    own_path,
    see,
)
from conduit.schemas import Login, NewUser, UpdateUser

router = APIRouter()


@router.get("/login")
async def login_form(page: ReadingPage, next: str = "/") -> Response:
    """The sign-in form."""
    if page.viewer is not None:
        return see(own_path(next))
    return _form(page, "login.html", {}, back=next)


@router.post("/login")
async def login(request: Request, page: BriefPage, form: VisitorsForm) -> Response:
    """Sign in."""
    try:
        given = Login.model_validate(_texts(form))
        account = await accounts.sign_in(request.app.state.database, given)
    except (ValidationError, Problem) as error:
        return _form(page, "login.html", form, error, back=form.get("next", "/"))
    return open_session(page, account.id, account.epoch, own_path(form.get("next")))


@router.get("/register")
async def register_form(page: ReadingPage) -> Response:
    """The sign-up form."""
    if page.viewer is not None:
        return see("/")
    return _form(page, "register.html", {})


@router.post("/register")
async def register(request: Request, page: BriefPage, form: VisitorsForm) -> Response:
    """Make an account and sign in."""
    try:
        wanted = NewUser.model_validate(_texts(form))
        account = await accounts.sign_up(request.app.state.database, wanted)
    except (ValidationError, Problem) as error:
        return _form(page, "register.html", form, error)
    return open_session(page, account.id, account.epoch)


@router.post("/logout")
async def logout(member: PostingMember) -> Response:
    """Sign out on this device."""
    return close_session()


@router.get("/settings")
async def settings_form(page: ReadingPage, saved: bool = False) -> Response:
    """One's settings."""
    viewer = page.member()
    fields = {"username": viewer.username, "email": viewer.email}
    fields |= {"bio": viewer.bio or "", "image": viewer.image or ""}
    return _form(page, "settings.html", fields, saved=saved)


@router.post("/settings")
async def save_settings(member: PostingMember, connection: Writing) -> Response:
    """Change one's settings; an empty password leaves it as it is."""
    fields = _texts(member.form)
    if not fields.get("password"):
        fields.pop("password", None)
    try:
        wanted = UpdateUser.model_validate(fields)
        account = await accounts.change(connection, member.viewer, wanted)
    except (ValidationError, Problem) as error:
        return _form(member.page, "settings.html", member.form, error, saved=False)
    return open_session(member.page, account.id, account.epoch, "/settings?saved=1")


def _texts(form: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _form(
    page: Page,
    template: str,
    fields: dict[str, Any],
    error: ValidationError | Problem | None = None,
    **context: Any,
) -> Response:
    """A form, with what was typed (but no password) and what is wrong with it."""
    names = ("username", "email", "bio", "image")
    kept = {name: fields.get(name, "") for name in names}
    wrong: Errors = {}
    status = 200
    if isinstance(error, Problem):
        wrong, status = error.errors, error.status
    elif error is not None:
        wrong, status = errors.from_validation(error.errors()), 422
    return page.render(template, status, fields=kept, errors=wrong, **context)
