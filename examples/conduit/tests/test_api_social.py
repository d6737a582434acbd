"""Comments, favourites, profiles, following."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from conduit.schemas import CommentResponse, CommentsResponse, ProfileResponse
from support import Person, errors, register


async def test_a_comment(client: httpx.AsyncClient, ada: Person, ben: Person) -> None:
    slug = (await ada.publish())["slug"]
    response = await ben("POST", f"/articles/{slug}/comments", {"comment": {"body": "Thanks!"}})
    assert response.status_code == 200
    made = CommentResponse.model_validate(response.json()).comment
    assert (made.body, made.author.username) == ("Thanks!", "ben")
    listed = CommentsResponse.model_validate(
        (await client.get(f"/api/articles/{slug}/comments")).json()
    )
    assert listed.comments == [made]


async def test_comments_are_seen_with_the_viewers_eyes(ada: Person, ben: Person) -> None:
    slug = (await ada.publish())["slug"]
    await ben.remark(slug)
    await ada("POST", "/profiles/ben/follow")
    response = await ada("GET", f"/articles/{slug}/comments")
    assert response.json()["comments"][0]["author"]["following"] is True


async def test_newest_comments_first_and_one_can_go(ada: Person) -> None:
    slug = (await ada.publish())["slug"]
    first, second = await ada.remark(slug, "First"), await ada.remark(slug, "Second")
    path = f"/articles/{slug}/comments"
    ids = [c["id"] for c in (await ada("GET", path)).json()["comments"]]
    assert ids == [second["id"], first["id"]]
    assert (await ada("DELETE", f"{path}/{first['id']}")).status_code == 204
    bodies = [c["body"] for c in (await ada("GET", path)).json()["comments"]]
    assert bodies == ["Second"]


async def test_a_blank_comment(ada: Person) -> None:
    slug = (await ada.publish())["slug"]
    response = await ada("POST", f"/articles/{slug}/comments", {"comment": {"body": ""}})
    assert response.status_code == 422
    assert errors(response) == {"body": ["can't be blank"]}


async def test_comments_of_others_and_of_other_articles(ada: Person, ben: Person) -> None:
    slug, other = [(await ada.publish(t))["slug"] for t in ("One", "Two")]
    made = await ada.remark(slug)
    for path, status, message in (
        (f"/articles/{slug}/comments/{made['id']}", 403, "forbidden"),
        (f"/articles/{other}/comments/{made['id']}", 404, "not found"),
        (f"/articles/{slug}/comments/999999", 404, "not found"),
    ):
        response = await ben("DELETE", path)
        assert response.status_code == status
        assert errors(response) == {"comment": [message]}
    assert len((await ada("GET", f"/articles/{slug}/comments")).json()["comments"]) == 1


@pytest.mark.parametrize("comment_id", ["x", "-1", str(2**63)])
async def test_a_comment_id_that_cannot_be(ada: Person, comment_id: str) -> None:
    response = await ada("DELETE", f"/articles/any/comments/{comment_id}")
    assert response.status_code == 422


async def favorites_count(app: FastAPI) -> tuple[int, int]:
    """What the counter says, and what there is."""
    async with app.state.database.reading() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT favorites_count, (SELECT count(*) FROM favorites f WHERE f.article_id = a.id)"
            " FROM articles a"
        )
        counter, real = rows.one()
        return counter, real


async def test_liking_and_taking_it_back(ada: Person, ben: Person) -> None:
    path = f"/articles/{(await ada.publish())['slug']}"
    liked = await ben("POST", f"{path}/favorite")
    assert liked.status_code == 200
    assert (liked.json()["article"]["favorited"], liked.json()["article"]["favoritesCount"]) == (
        True, 1,
    )  # fmt: skip
    assert liked.json()["article"]["body"] == "Text."
    assert (await ben("GET", path)).json()["article"]["favorited"] is True
    back = await ben("DELETE", f"{path}/favorite")
    assert (back.json()["article"]["favorited"], back.json()["article"]["favoritesCount"]) == (
        False, 0,
    )  # fmt: skip


async def test_liking_twice_is_liking_once(ada: Person, app: FastAPI) -> None:
    path = f"/articles/{(await ada.publish())['slug']}/favorite"
    for method, count in (("POST", 1), ("POST", 1), ("DELETE", 0), ("DELETE", 0)):
        response = await ada(method, path)
        assert response.json()["article"]["favoritesCount"] == count
    assert await favorites_count(app) == (0, 0)


async def test_the_counter_is_right_after_a_rush(
    client: httpx.AsyncClient, ada: Person, app: FastAPI
) -> None:
    path = f"/articles/{(await ada.publish())['slug']}/favorite"
    crowd = [await register(client) for _ in range(8)]
    rush: list[Any] = [p("POST", path) for p in crowd for _ in range(4)]
    rush += [p(method, path) for p in crowd[:4] for method in ("DELETE", "POST", "DELETE")]
    answers = await asyncio.gather(*rush)
    assert {a.status_code for a in answers} == {200}
    counter, real = await favorites_count(app)
    assert counter == real
    await asyncio.gather(*(p("POST", path) for p in crowd))
    assert await favorites_count(app) == (8, 8)
    await asyncio.gather(*(p("DELETE", path) for p in crowd for _ in range(2)))
    assert await favorites_count(app) == (0, 0)


async def test_liking_an_article_while_it_is_deleted(ada: Person, ben: Person) -> None:
    for n in range(5):
        slug = (await ada.publish(f"Number {n}"))["slug"]
        answers = await asyncio.gather(
            ben("POST", f"/articles/{slug}/favorite"),
            ben("POST", f"/articles/{slug}/comments", {"comment": {"body": "b"}}),
            ada("DELETE", f"/articles/{slug}"),
        )
        assert answers[0].status_code in (200, 404)
        assert answers[1].status_code in (200, 404)
        assert answers[2].status_code == 204


async def test_a_profile(client: httpx.AsyncClient, ada: Person, ben: Person) -> None:
    response = await client.get("/api/profiles/ada")
    assert response.status_code == 200
    profile = ProfileResponse.model_validate(response.json()).profile
    assert profile.model_dump() == {
        "username": "ada", "bio": "", "image": "", "following": False,
    }  # fmt: skip
    unknown = await ben("GET", "/profiles/nobody")
    assert unknown.status_code == 404
    assert errors(unknown) == {"profile": ["not found"]}


async def test_following_is_idempotent_even_at_once(ada: Person, ben: Person) -> None:
    answers = await asyncio.gather(*(ben("POST", "/profiles/ada/follow") for _ in range(6)))
    assert {a.status_code for a in answers} == {200}
    assert all(a.json()["profile"]["following"] for a in answers)
    assert (await ben("GET", "/profiles/ada")).json()["profile"]["following"] is True
    assert (await ada("GET", "/profiles/ben")).json()["profile"]["following"] is False
    for _ in range(2):
        response = await ben("DELETE", "/profiles/ada/follow")
        assert response.json()["profile"]["following"] is False


async def test_following_oneself_or_nobody(ada: Person) -> None:
    assert (await ada("POST", "/profiles/ada/follow")).status_code == 422
    for method in ("POST", "DELETE"):
        response = await ada(method, "/profiles/nobody/follow")
        assert response.status_code == 404
        assert errors(response) == {"profile": ["not found"]}
