"""The front page: everybody's articles, those of the people one follows, or those with a tag."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from conduit.access import id_of
from conduit.database import Reading
from conduit.pages.render import html
from conduit.pages.session import Page, ReadingPage, page_on
from conduit.store import articles

router = APIRouter()

PAGE_SIZE = 10
TAGS_SHOWN = 24

PageNumber = Annotated[int, Query(ge=1, le=100_000, alias="page")]


@router.get("/")
async def front(request: Request, number: PageNumber = 1) -> Response:
    """Everybody's articles; before there is a database, what this is going to be."""
    database = request.app.state.database
    if not database.exists:
        return html(request, "landing.html", {"viewer": None}, 200)
    async with database.reading() as connection:
        page = await page_on(request, connection)
        return await _list(page, connection, articles.Filter(), number, "global")


@router.get("/feed")
async def feed(page: ReadingPage, connection: Reading, number: PageNumber = 1) -> Response:
    """The articles of those whom the viewer follows."""
    page.member()
    return await _list(page, connection, articles.Filter(feed=True), number, "feed")


@router.get("/tag/{tag}")
async def tagged(
    tag: str, page: ReadingPage, connection: Reading, number: PageNumber = 1
) -> Response:
    """The articles with a tag."""
    return await _list(page, connection, articles.Filter(tag=tag), number, "tag")


async def _list(
    page: Page, connection: Reading, which: articles.Filter, number: int, tab: str
) -> Response:
    shown = await article_list(page, connection, which, number)
    tags = await articles.popular_tags(connection, TAGS_SHOWN)
    return page.render("home.html", tab=tab, tag=which.tag, tags=tags, **shown)


async def article_list(
    page: Page, connection: Reading, which: articles.Filter, number: int
) -> dict[str, Any]:
    """What the templates need to show one page of a list."""
    rows, total = await articles.listing(
        connection, which, id_of(page.viewer), PAGE_SIZE, (number - 1) * PAGE_SIZE
    )
    return {
        "articles": rows,
        "total": total,
        "number": number,
        "pages": max(1, ceil(total / PAGE_SIZE)),
    }
