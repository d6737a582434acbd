"""How problems are told: as JSON to programs, as a page to people."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from conduit import errors
from conduit.database import NoDatabase
from conduit.errors import WHOLE, Errors, NotFound, Problem
from conduit.middleware import HEADERS
from conduit.pages.render import html
from conduit.pages.session import ForgedForm, Page, SignInFirst, brief_page
from conduit.views import json_response

log = logging.getLogger("conduit")

WORDS = {
    400: ("That does not work", "The address or the form has something in it that we cannot read."),
    403: ("That is not yours", "Only its author can change it."),
    404: ("Nothing here", "There is no such page. It may have been renamed, or taken down."),
    405: ("That does not work", "This page cannot be used that way."),
    413: ("That is too big", "Please send something smaller."),
    422: ("That does not work", "The address has something in it that we cannot read."),
    500: ("Something broke", "It is not your fault. Please try again in a moment."),
    503: ("One moment, please", "We are busy behind the scenes. Please try again in a moment."),
}
FORGED = (
    "Please try once more",
    "This form has expired. Go back, reload the page and send it again.",
)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(ForgedForm, _forged)
    for away in (OperationalError, InterfaceError, PoolTimeout, NoDatabase):
        app.add_exception_handler(away, _database_away)
    app.add_exception_handler(Exception, _crash)


async def _tell(
    request: Request, status: int, wrong: Errors, words: tuple[str, str] | None = None
) -> Response:
    if request.url.path.startswith("/api/"):
        return json_response({"errors": errors.told(wrong)}, status)
    title, text = words or WORDS.get(status, WORDS[500])
    context: dict[str, Any] = {"title": title, "text": text, "code": status}
    page = await _page(request) if status < 500 else None
    if page is not None:
        return page.render("error.html", status, **context)
    return html(request, "error.html", {"viewer": None, **context}, status)


async def _page(request: Request) -> Page | None:
    """The page with its visitor, so that somebody who is signed in still looks signed in."""
    try:
        return await brief_page(request)
    except (SQLAlchemyError, OSError):
        return None


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return await _tell(request, error.status, error.errors)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if not request.url.path.startswith("/api/"):
        return await _tell(request, NotFound.status, {})
    return await _tell(request, 422, errors.from_validation(error.errors()))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    wrong = {WHOLE: [HTTPStatus(error.status_code).phrase.lower()]}
    response = await _tell(request, error.status_code, wrong)
    response.headers.update(error.headers or {})
    return response


async def _sign_in_first(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInFirst)
    return error.response()


async def _forged(request: Request, error: Exception) -> Response:
    return await _tell(request, 403, {"form": ["is not ours"]}, FORGED)


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("the database did not answer %s %s: %s", request.method, request.url.path, error)
    response = await _tell(request, 503, {"database": ["does not answer, try again"]})
    response.headers["Retry-After"] = "1"
    return response


async def _crash(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this, so that the server logs its traceback.
    # This answer is made outside of all other middleware.
    response = await _tell(request, 500, {WHOLE: ["internal server error"]})
    response.headers.update(HEADERS)
    return response
