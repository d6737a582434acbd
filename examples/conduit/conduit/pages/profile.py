"""Somebody's page: what they wrote and what they like."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Response

from conduit.access import id_of
from conduit.database import Reading, Writing
from conduit.pages.home import PageNumber, article_list
from conduit.pages.session import Page, PostingMember, ReadingPage, own_path, see
from conduit.store import articles, people

router = APIRouter(prefix="/profile/{username}")


@router.get("")
async def written(
    username: str, page: ReadingPage, connection: Reading, number: PageNumber = 1
) -> Response:
    """What they wrote."""
    which = articles.Filter(author=username)
    return await _show(username, page, connection, which, number, "written")


@router.get("/favorites")
async def liked(
    username: str, page: ReadingPage, connection: Reading, number: PageNumber = 1
) -> Response:
    """What they like."""
    which = articles.Filter(favorited=username)
    return await _show(username, page, connection, which, number, "liked")


@router.post("/follow")
async def follow(username: str, member: PostingMember, connection: Writing) -> Response:
    """Follow them, or stop following."""
    found = await people.profile(connection, username, member.viewer.id)
    act = people.follow if member.form.get("on") == "1" else people.unfollow
    await act(connection, member.viewer.id, found.id)
    back = member.form.get("back") or f"/profile/{quote(username)}"
    return see(own_path(back))


async def _show(
    username: str,
    page: Page,
    connection: Reading,
    which: articles.Filter,
    number: int,
    tab: str,
) -> Response:
    profile = await people.profile(connection, username, id_of(page.viewer))
    shown = await article_list(page, connection, which, number)
    return page.render("profile.html", profile=profile, tab=tab, **shown)
