"""Before there is a database: a landing page, an about page, and nothing that pretends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from conduit.main import create_app
from support import Tags


@pytest.fixture
async def before(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """The app without DATABASE_URL, started."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    app = create_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://soon.test"
        ) as client,
    ):
        yield client


def links(page: str) -> set[str]:
    return {a["href"] for tag, a in Tags(page).found if tag == "a" and a["href"].startswith("/")}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/", 200, "Opening soon"),
        ("/about", 200, "hand to hand"),
        ("/nowhere", 404, "Nothing here"),
    ],
)
async def test_there_are_pages_and_they_lead_only_to_each_other(
    before: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    response = await before.get(path)
    assert response.status_code == status
    assert says in response.text
    assert links(response.text) <= {"/", "/about"}
    assert "set-cookie" not in response.headers
    assert Tags(response.text).active() == []
    assert response.text == (await before.get(path)).text, "the same for everybody, every time"


@pytest.mark.parametrize("path", ["/login", "/api/articles", "/feed", "/docs", "/healthz"])
async def test_what_needs_the_database_says_that_it_is_not_there(
    before: httpx.AsyncClient, path: str
) -> None:
    assert (await before.get(path)).status_code == 503


async def test_about_is_there_afterwards_too(client: httpx.AsyncClient) -> None:
    response = await client.get("/about")
    assert "To the articles" in response.text
    assert 'href="/login"' in response.text
