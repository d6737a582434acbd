"""Every operation of the RealWorld API: which status it answers with, and the shape of its body.

Shapes are exact: no key is missing, none is there that the API does not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from support import PASSWORD, Person

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
USER = {"email": str, "token": str, "username": str, "bio": str, "image": str}
PROFILE = {"username": str, "bio": str, "image": str, "following": bool}
LISTED = {
    "slug": str, "title": str, "description": str, "tagList": [str], "createdAt": MOMENT,
    "updatedAt": MOMENT, "favorited": bool, "favoritesCount": int, "author": PROFILE,
}  # fmt: skip
ARTICLE = {"article": {**LISTED, "body": str}}
ARTICLES = {"articles": [LISTED], "articlesCount": int}
REMARK = {"id": int, "createdAt": MOMENT, "updatedAt": MOMENT, "body": str, "author": PROFILE}
COMMENT = {"comment": REMARK}


def require(shape: Any, found: Any, where: str = "body") -> None:
    """See that what was found has this shape."""
    if isinstance(shape, dict):
        assert isinstance(found, dict), where
        assert found.keys() == shape.keys(), where
        for key, inner in shape.items():
            require(inner, found[key], f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(found, list), where
        assert found, f"{where} is empty, so nothing is proven"
        for each in found:
            require(shape[0], each, f"{where}[]")
    elif isinstance(shape, re.Pattern):
        assert shape.fullmatch(found), where
    else:
        assert type(found) is shape, f"{where} is {found!r}"


def require_refusal(response: httpx.Response, status: int) -> None:
    """See that it is a refusal with this status, and says why."""
    assert response.status_code == status, response.text
    told = response.json()
    assert told.keys() == {"errors"}
    require([str], told["errors"]["body"], "errors.body")


@dataclass(frozen=True)
class Operation:
    """One operation: how it is asked, and what it answers.

    ``body`` of None sends none. ``signed_in``: without a token it answers 401. ``refused`` are
    bodies, or queries, that it answers with 422.
    """

    method: str
    path: str
    status: int
    shape: Any
    body: Any = None
    signed_in: bool = True
    refused: tuple[Any, ...] = ()
    route: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.route or self.path}"


NEW = {"title": "Another", "description": "d", "body": "b", "tagList": ["tea"]}
CLEO = {"username": "cleo", "email": "cleo@example.com", "password": PASSWORD}
ADA = {"email": "ada@example.com", "password": PASSWORD}
SLUG = "/articles/a-title"
ONE = "/articles/{slug}"
BAD_PAGES = ("?limit=0", "?offset=-1")
OPERATIONS = [
    Operation(
        "POST", "/users", 201, {"user": USER}, {"user": CLEO}, signed_in=False,
        refused=(
            {}, {"user": {**CLEO, "email": ""}}, {"user": {**CLEO, "username": "ada"}},
            {"user": {**CLEO, "email": "ada@example.com"}},
        ),
    ),
    Operation(
        "POST", "/users/login", 200, {"user": USER}, {"user": ADA}, signed_in=False,
        refused=({}, {"user": {"email": "ada@example.com"}}),
    ),
    Operation("GET", "/user", 200, {"user": USER}),
    Operation(
        "PUT", "/user", 200, {"user": USER}, {"user": {"bio": "Hello"}},
        refused=({}, {"user": {"username": "ben"}}, {"user": {"email": "ben@example.com"}}),
    ),
    Operation("GET", "/profiles/ben", 200, {"profile": PROFILE}, signed_in=False,
              route="/profiles/{username}"),
    Operation("POST", "/profiles/ben/follow", 200, {"profile": PROFILE},
              route="/profiles/{username}/follow"),
    Operation("DELETE", "/profiles/ben/follow", 200, {"profile": PROFILE},
              route="/profiles/{username}/follow"),
    Operation("GET", "/articles/feed", 200, ARTICLES, refused=BAD_PAGES),
    Operation("GET", "/articles", 200, ARTICLES, signed_in=False, refused=BAD_PAGES),
    Operation("POST", "/articles", 201, ARTICLE, {"article": NEW},
              refused=({}, {"article": {**NEW, "title": ""}})),
    Operation("GET", SLUG, 200, ARTICLE, signed_in=False, route=ONE),
    Operation("PUT", SLUG, 200, ARTICLE, {"article": {"body": "Better."}},
              refused=({}, {"article": {"title": " "}}), route=ONE),
    Operation("DELETE", SLUG, 204, None, route=ONE),
    Operation("GET", f"{SLUG}/comments", 200, {"comments": [REMARK]}, signed_in=False,
              route=f"{ONE}/comments"),
    Operation("POST", f"{SLUG}/comments", 200, COMMENT, {"comment": {"body": "Thanks!"}},
              refused=({}, {"comment": {"body": ""}}), route=f"{ONE}/comments"),
    Operation("DELETE", f"{SLUG}/comments/1", 204, None, route=f"{ONE}/comments/{{comment_id}}"),
    Operation("POST", f"{SLUG}/favorite", 200, ARTICLE, route=f"{ONE}/favorite"),
    Operation("DELETE", f"{SLUG}/favorite", 200, ARTICLE, route=f"{ONE}/favorite"),
    Operation("GET", "/tags", 200, {"tags": [str]}, signed_in=False),
]  # fmt: skip


@pytest.fixture
async def reader(client: httpx.AsyncClient, ada: Person, ben: Person) -> Person:
    """Ada, who follows Ben, with an article and a comment of her own."""
    await ben.publish("From Ben", tagList=["tea"])
    await ada("POST", "/profiles/ben/follow")
    await ada.publish("A title", tagList=["coffee"])
    remark = await ada.remark("a-title")
    assert remark["id"] == 1
    return ada


@pytest.mark.parametrize("asked", OPERATIONS, ids=str)
async def test_it_answers_as_the_api_says(reader: Person, asked: Operation) -> None:
    response = await reader(asked.method, asked.path, asked.body)
    assert response.status_code == asked.status, response.text
    if asked.shape is None:
        assert response.content == b""
    else:
        assert response.headers["content-type"] == "application/json"
        require(asked.shape, response.json())


@pytest.mark.parametrize("asked", [o for o in OPERATIONS if o.signed_in], ids=str)
async def test_without_a_token_it_is_401(
    client: httpx.AsyncClient, reader: Person, asked: Operation
) -> None:
    response = await client.request(asked.method, f"/api{asked.path}", json=asked.body)
    require_refusal(response, 401)


@pytest.mark.parametrize("asked", [o for o in OPERATIONS if not o.signed_in], ids=str)
async def test_without_an_account_it_answers_all_the_same(
    client: httpx.AsyncClient, reader: Person, asked: Operation
) -> None:
    response = await client.request(asked.method, f"/api{asked.path}", json=asked.body)
    assert response.status_code == asked.status
    require(asked.shape, response.json())


@pytest.mark.parametrize(
    ("asked", "wrong"), [(o, wrong) for o in OPERATIONS for wrong in o.refused], ids=str
)
async def test_what_cannot_be_accepted_is_422(reader: Person, asked: Operation, wrong: Any) -> None:
    query = wrong if isinstance(wrong, str) else ""
    response = await reader(asked.method, f"{asked.path}{query}", None if query else wrong)
    require_refusal(response, 422)


async def test_wrong_credentials_are_401(client: httpx.AsyncClient, ada: Person) -> None:
    wrong = {"user": {**ADA, "password": "wrong horse"}}
    require_refusal(await client.post("/api/users/login", json=wrong), 401)


def test_no_operation_is_left_out(app: FastAPI) -> None:
    described = {
        f"{method.upper()} {path.removeprefix('/api')}"
        for path, methods in app.openapi()["paths"].items()
        if path.startswith("/api/")
        for method in methods
    }
    assert {str(operation) for operation in OPERATIONS} == described
