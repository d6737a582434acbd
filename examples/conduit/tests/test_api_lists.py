"""Lists of articles: order, filters, pages, counts, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from conduit.schemas import ArticlesResponse
from support import Person, errors


async def titles(person: Person, path: str) -> list[str]:
    response = await person("GET", path)
    assert response.status_code == 200, response.text
    return [article["title"] for article in response.json()["articles"]]


async def test_newest_first_without_bodies(client: httpx.AsyncClient, ada: Person) -> None:
    for n in range(3):
        await ada.publish(f"Number {n}", tagList=["t"])
    response = await client.get("/api/articles")
    shown = ArticlesResponse.model_validate(response.json())
    assert [article.title for article in shown.articles] == ["Number 2", "Number 1", "Number 0"]
    assert shown.articles_count == 3
    assert "body" not in response.json()["articles"][0]


async def test_articles_of_the_same_moment_keep_one_order(ada: Person, app: FastAPI) -> None:
    for n in range(5):
        await ada.publish(f"Number {n}")
    async with app.state.database.writing() as connection:
        await connection.exec_driver_sql("UPDATE articles SET created_at = '2026-01-01 00:00Z'")
    pages = [(await titles(ada, f"/articles?limit=1&offset={n}"))[0] for n in range(5)]
    assert pages == ["Number 4", "Number 3", "Number 2", "Number 1", "Number 0"]


async def test_pages_and_the_count_of_all(ada: Person) -> None:
    for n in range(5):
        await ada.publish(f"Number {n}")
    response = await ada("GET", "/articles?limit=2&offset=2")
    assert [a["title"] for a in response.json()["articles"]] == ["Number 2", "Number 1"]
    assert response.json()["articlesCount"] == 5
    beyond = (await ada("GET", "/articles?offset=10")).json()
    assert beyond == {"articles": [], "articlesCount": 5}


async def test_twenty_by_default_and_a_hundred_at_most(ada: Person, app: FastAPI) -> None:
    await ada.publish("One")
    async with app.state.database.writing() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO articles (slug, title, description, body, author_id)"
            " SELECT 's' || n, 't', 'd', 'b', 1 FROM generate_series(1, 120) n"
        )
    assert len(await titles(ada, "/articles")) == 20
    assert len(await titles(ada, "/articles?limit=5000")) == 100


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "offset=-1", "offset=99999999999999999999"]
)
async def test_pages_that_cannot_be(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/api/articles?{query}")
    assert response.status_code == 422
    assert errors(response) == {query.partition("=")[0]: ["is invalid"]}


async def test_filters_by_tag_author_and_favourite(ada: Person, ben: Person) -> None:
    first = await ada.publish("First", tagList=["x", "y"])
    await ada.publish("Second", tagList=["y"])
    await ben.publish("Third", tagList=["x"])
    await ben("POST", f"/articles/{first['slug']}/favorite")
    assert await titles(ada, "/articles?tag=x") == ["Third", "First"]
    assert await titles(ada, "/articles?author=ADA") == ["Second", "First"]
    assert await titles(ada, "/articles?favorited=ben") == ["First"]
    assert await titles(ada, "/articles?tag=x&author=ada") == ["First"]
    for nothing in ("tag=none", "author=none", "favorited=none", "tag=x&favorited=ada"):
        response = await ada("GET", f"/articles?{nothing}")
        assert response.json() == {"articles": [], "articlesCount": 0}


async def test_lists_are_seen_with_the_viewers_eyes(
    client: httpx.AsyncClient, ada: Person, ben: Person
) -> None:
    article = await ada.publish()
    await ben("POST", f"/articles/{article['slug']}/favorite")
    await ben("POST", "/profiles/ada/follow")

    def seen(response: httpx.Response) -> tuple[Any, ...]:
        shown = response.json()["articles"][0]
        return shown["favorited"], shown["favoritesCount"], shown["author"]["following"]

    assert seen(await ben("GET", "/articles")) == (True, 1, True)
    assert seen(await ada("GET", "/articles")) == (False, 1, False)
    assert seen(await client.get("/api/articles")) == (False, 1, False)


async def test_the_feed_has_those_whom_one_follows(ada: Person, ben: Person) -> None:
    await ada.publish("By Ada")
    await ben.publish("By Ben")
    assert await titles(ben, "/articles/feed") == []
    await ben("POST", "/profiles/ada/follow")
    assert await titles(ben, "/articles/feed") == ["By Ada"]
    await ada.publish("By Ada again")
    response = await ben("GET", "/articles/feed?limit=1&offset=1")
    assert [a["title"] for a in response.json()["articles"]] == ["By Ada"]
    assert response.json()["articlesCount"] == 2


async def test_tags_with_most_articles_come_first(ada: Person) -> None:
    await ada.publish("One", tagList=["b", "common"])
    await ada.publish("Two", tagList=["common", "a"])
    assert (await ada("GET", "/tags")).json() == {"tags": ["common", "a", "b"]}


async def test_a_list_costs_one_statement_however_long_it_is(ada: Person, app: FastAPI) -> None:
    for n in range(12):
        await ada.publish(f"Number {n}", tagList=["x", "y"])
    for path in ("/articles?limit=1", "/articles?limit=12", "/articles/feed"):
        with statements(app) as seen:
            await ada("GET", path)
        # One for the user behind the token, one for the list.
        assert len(seen) == 2, seen


@contextmanager
def statements(app: FastAPI) -> Iterator[list[str]]:
    """The statements that the app sends meanwhile."""
    seen: list[str] = []
    engine = app.state.database._engine.sync_engine

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
