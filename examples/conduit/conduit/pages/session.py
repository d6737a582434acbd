"""The visitor of a page: who they are, and whether a form really came from one of our pages.

A signed cookie says who is signed in. A form carries a token that is bound to that session; the
sign-in and sign-up forms, which come before there is one, are bound to a short-lived cookie.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit import tokens
from conduit.access import Viewer, viewer_of
from conduit.database import Reading, Writing
from conduit.keys import Keys
from conduit.media import picture_address
from conduit.pages.render import html

SESSION = "conduit_session"
VISIT = "conduit_visit"
VISIT_SECONDS = 3600


class SignInFirst(Exception):
    """The page is for people who are signed in; ``back`` is where to return to."""

    def __init__(self, back: str) -> None:
        super().__init__(back)
        self.back = back

    def response(self) -> Response:
        """A redirect to the sign-in page."""
        return see(f"/login?next={quote(self.back)}")


class ForgedForm(Exception):
    """A form did not carry the token of the session that it claims to be from."""


@dataclass
class Page:
    """A request for a page, and who makes it."""

    request: Request
    keys: Keys
    viewer: Viewer | None
    _new_visit: str | None = field(default=None, init=False)

    def render(self, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The page made from a template."""
        known = {"viewer": self.viewer, "csrf": self._csrf, "cover": self._cover, **context}
        response = html(self.request, name, known, status)
        if self._new_visit is not None:
            set_cookie(self.request, response, VISIT, self._new_visit, VISIT_SECONDS)
        return response

    def member(self) -> Viewer:
        """The signed-in viewer. Raises SignInFirst."""
        if self.viewer is None:
            url = self.request.url
            back = url.path + (f"?{url.query}" if url.query else "")
            raise SignInFirst(back if self.request.method == "GET" else "/")
        return self.viewer

    def _cover(self, name: str | None) -> str | None:
        return picture_address(self.request.app.state.settings.media_dir, name)

    def _csrf(self) -> str:
        if self.viewer is not None:
            return tokens.form_token(self.keys.csrf, self.viewer.sid)
        visit = self.request.cookies.get(VISIT) or self._new_visit
        if not visit:
            visit = self._new_visit = secrets.token_urlsafe(12)
        return tokens.form_token(self.keys.csrf, visit)


@dataclass(frozen=True)
class Member:
    """Somebody who is signed in and whose form was checked."""

    page: Page
    viewer: Viewer
    form: dict[str, Any]


async def page_on(request: Request, connection: AsyncConnection) -> Page:
    """The page, with its visitor looked up on this connection."""
    keys: Keys = await request.app.state.keyring.get()
    cookie = request.cookies.get(SESSION)
    claim = tokens.read(keys.session, cookie) if cookie else None
    return Page(request, keys, await viewer_of(connection, claim))


async def _reading_page(request: Request, connection: Reading) -> Page:
    return await page_on(request, connection)


async def _writing_page(request: Request, connection: Writing) -> Page:
    return await page_on(request, connection)


async def brief_page(request: Request) -> Page:
    """The page, on a connection that is let go at once."""
    async with request.app.state.database.reading() as connection:
        return await page_on(request, connection)


@asynccontextmanager
async def _checked_form(page: Page) -> AsyncIterator[dict[str, Any]]:
    """The fields of a form; files in it are closed in the end. Raises ForgedForm."""
    async with page.request.form() as form:
        sid = page.viewer.sid if page.viewer else page.request.cookies.get(VISIT)
        token = form.get("csrf")
        if not sid or not isinstance(token, str):
            raise ForgedForm
        if not tokens.form_token_fits(page.keys.csrf, sid, token):
            raise ForgedForm
        yield dict(form)


async def _member(page: Annotated[Page, Depends(_writing_page)]) -> AsyncIterator[Member]:
    viewer = page.member()
    async with _checked_form(page) as form:
        yield Member(page, viewer, form)


async def _visitors_form(
    page: Annotated[Page, Depends(brief_page)],
) -> AsyncIterator[dict[str, Any]]:
    async with _checked_form(page) as form:
        yield form


ReadingPage = Annotated[Page, Depends(_reading_page)]
# For routes that use the database in their own time, or not at all: it is let go before they run.
BriefPage = Annotated[Page, Depends(brief_page)]
PostingMember = Annotated[Member, Depends(_member, scope="function")]
VisitorsForm = Annotated[dict[str, Any], Depends(_visitors_form, scope="function")]


def open_session(page: Page, user_id: int, epoch: int, back: str = "/") -> Response:
    """Sign somebody in and send them to a page."""
    response = see(back)
    cookie = tokens.sign(page.keys.session, user_id, epoch)
    set_cookie(page.request, response, SESSION, cookie, tokens.LIFETIME_SECONDS)
    response.delete_cookie(VISIT, path="/")
    return response


def close_session() -> Response:
    """Sign the viewer out on this device."""
    response = see("/")
    response.delete_cookie(SESSION, path="/")
    return response


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not send."""
    chosen = request.app.state.settings.cookie_secure
    secure = request.url.scheme == "https" if chosen is None else chosen
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax"
    )


def see(path: str) -> Response:
    """Send the browser to a page of ours."""
    return RedirectResponse(path, status_code=303)


def own_path(path: Any) -> str:
    """The path if it leads to a page of ours, else the front page: nobody is sent elsewhere."""
    if not isinstance(path, str) or not path.startswith("/"):
        return "/"
    elsewhere = path[1:2] in ("/", "\\") or any(ord(c) < 33 for c in path)
    return "/" if elsewhere else path
