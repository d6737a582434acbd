"""Articles: publishing, reading, changing, deleting."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from conduit.schemas import ArticleResponse
from support import Person, errors


async def test_publishing(ada: Person) -> None:
    article = {
        "title": "How to train your dragon",
        "description": "Ever wonder how?",
        "body": "You have to believe.",
        "tagList": ["reptiles", "dragons", "angular"],
    }
    response = await ada("POST", "/articles", {"article": article})
    assert response.status_code == 201
    made = ArticleResponse.model_validate(response.json()).article
    assert made.slug == "how-to-train-your-dragon"
    assert made.tag_list == ["reptiles", "dragons", "angular"]
    assert (made.favorited, made.favorites_count) == (False, 0)
    assert (made.author.username, made.author.following) == ("ada", False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made.created_at)
    assert made.updated_at == made.created_at


async def test_reading_needs_no_account(client: httpx.AsyncClient, ada: Person) -> None:
    made = await ada.publish("A title", body="The *text*.")
    response = await client.get(f"/api/articles/{made['slug']}")
    assert response.status_code == 200
    assert response.json()["article"]["body"] == "The *text*."


@pytest.mark.parametrize("field", ["title", "description", "body"])
@pytest.mark.parametrize("value", ["", " ", None])
async def test_blank_fields(ada: Person, field: str, value: str | None) -> None:
    article = {"title": "t", "description": "d", "body": "b", field: value}
    response = await ada("POST", "/articles", {"article": article})
    assert response.status_code == 422
    assert errors(response) == {field: ["can't be blank"]}


async def test_the_same_title_twice_gets_two_slugs(ada: Person, ben: Person) -> None:
    made = await asyncio.gather(*(p.publish("The same") for p in (ada, ben, ada, ben)))
    slugs = {article["slug"] for article in made}
    assert len(slugs) == 4
    assert "the-same" in slugs
    assert all(slug.startswith("the-same") for slug in slugs)


@pytest.mark.parametrize("title", ["Feed", "!!!", "日本語", "a" * 200, "%2e%2e", "über/unter"])
async def test_every_title_gets_an_address_that_leads_to_it(ada: Person, title: str) -> None:
    made = await ada.publish(title)
    response = await ada("GET", f"/articles/{made['slug']}")
    assert response.status_code == 200
    assert response.json()["article"]["title"] == title


async def test_tags_are_trimmed_and_told_once_in_their_order(ada: Person) -> None:
    made = await ada.publish(tagList=[" b ", "a", "", "b", "a b"])
    assert made["tagList"] == ["b", "a", "a b"]


@pytest.mark.parametrize("tags", [None, "a", [1], [None], ["x" * 51], [str(n) for n in range(21)]])
async def test_tags_that_cannot_be(ada: Person, tags: Any) -> None:
    article = {"title": "t", "description": "d", "body": "b", "tagList": tags}
    response = await ada("POST", "/articles", {"article": article})
    assert response.status_code == 422
    assert "tagList" in errors(response)


async def test_updating_a_part(ada: Person) -> None:
    made = await ada.publish("A title", tagList=["one", "two"])
    response = await ada("PUT", f"/articles/{made['slug']}", {"article": {"body": "New"}})
    assert response.status_code == 200
    now = response.json()["article"]
    assert now["body"] == "New"
    for same in ("slug", "title", "description", "tagList", "createdAt"):
        assert now[same] == made[same]
    assert now["updatedAt"] > made["updatedAt"]


async def test_a_new_title_moves_the_article(ada: Person) -> None:
    made = await ada.publish("Before")
    response = await ada("PUT", f"/articles/{made['slug']}", {"article": {"title": "After"}})
    assert response.json()["article"]["slug"] == "after"
    assert (await ada("GET", "/articles/before")).status_code == 404


async def test_a_new_title_never_takes_the_address_of_another_article(
    ada: Person, ben: Person
) -> None:
    await ada.publish("Wanted")
    slugs = [(await p.publish(f"Other {p.username}"))["slug"] for p in (ada, ben)]
    change = {"article": {"title": "Wanted"}}
    answers = await asyncio.gather(
        ada("PUT", f"/articles/{slugs[0]}", change), ben("PUT", f"/articles/{slugs[1]}", change)
    )
    assert [a.status_code for a in answers] == [200, 200]
    assert len({"wanted", *(a.json()["article"]["slug"] for a in answers)}) == 3


async def test_tags_can_be_replaced_and_removed_but_not_nulled(ada: Person) -> None:
    made = await ada.publish(tagList=["one", "two"])
    path = f"/articles/{made['slug']}"
    response = await ada("PUT", path, {"article": {"tagList": ["two", "three"]}})
    assert response.json()["article"]["tagList"] == ["two", "three"]
    response = await ada("PUT", path, {"article": {"tagList": []}})
    assert response.json()["article"]["tagList"] == []
    response = await ada("PUT", path, {"article": {"tagList": None}})
    assert response.status_code == 422


async def test_deleting_takes_everything_with_it(ada: Person, ben: Person, app: Any) -> None:
    slug = (await ada.publish(tagList=["gone"]))["slug"]
    await ben("POST", f"/articles/{slug}/favorite")
    await ben.remark(slug)
    response = await ada("DELETE", f"/articles/{slug}")
    assert response.status_code == 204
    assert response.content == b""
    missing = await ada("GET", f"/articles/{slug}")
    assert missing.status_code == 404
    assert errors(missing) == {"article": ["not found"]}
    async with app.state.database.reading() as connection:
        for table in ("comments", "favorites", "article_tags"):
            rows = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
            assert rows.scalar_one() == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/articles", {"article": {"title": "t", "description": "d", "body": "b"}}),
        ("PUT", "/articles/some", {"article": {"body": "b"}}),
        ("DELETE", "/articles/some", None),
        ("GET", "/articles/feed", None),
        ("POST", "/articles/some/favorite", None),
        ("DELETE", "/articles/some/favorite", None),
        ("POST", "/articles/some/comments", {"comment": {"body": "b"}}),
        ("DELETE", "/articles/some/comments/1", None),
        ("POST", "/profiles/some/follow", None),
        ("DELETE", "/profiles/some/follow", None),
        ("GET", "/user", None),
        ("PUT", "/user", {"user": {"bio": "b"}}),
    ],
)
async def test_these_need_an_account(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    response = await client.request(method, f"/api{path}", json=body)
    assert response.status_code == 401
    assert errors(response) == {"token": ["is missing"]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/articles/unknown", None),
        ("PUT", "/articles/unknown", {"article": {"body": "b"}}),
        ("DELETE", "/articles/unknown", None),
        ("POST", "/articles/unknown/favorite", None),
        ("DELETE", "/articles/unknown/favorite", None),
        ("GET", "/articles/unknown/comments", None),
        ("POST", "/articles/unknown/comments", {"comment": {"body": "b"}}),
        ("DELETE", "/articles/unknown/comments/1", None),
    ],
)
async def test_an_unknown_article(ada: Person, method: str, path: str, body: Any) -> None:
    response = await ada(method, path, body)
    assert response.status_code == 404
    assert errors(response) == {"article": ["not found"]}


async def test_somebody_elses_article_can_be_neither_changed_nor_deleted(
    ada: Person, ben: Person
) -> None:
    path = f"/articles/{(await ada.publish())['slug']}"
    for response in (await ben("PUT", path, {"article": {"body": "x"}}), await ben("DELETE", path)):
        assert response.status_code == 403
        assert errors(response) == {"article": ["forbidden"]}
    assert (await ada("GET", path)).json()["article"]["body"] == "Text."


async def test_an_address_with_a_nul_in_it(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/articles/a%00b")).status_code == 400
    assert (await client.get("/api/articles?tag=a%00b")).status_code == 400


async def test_a_body_that_is_too_big(ada: Person) -> None:
    article = {"title": "t", "description": "d", "body": "x" * 2_000_000}
    response = await ada("POST", "/articles", {"article": article})
    assert response.status_code == 413
    assert "errors" in response.json()
