"""An article, what readers do with it, and the remarks under it."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Response
from pydantic import ValidationError

from conduit import errors
from conduit.access import id_of
from conduit.database import Reading, Writing
from conduit.errors import Errors
from conduit.media import remove_picture
from conduit.pages.home import PageNumber
from conduit.pages.session import Page, PostingMember, ReadingPage, own_path, see
from conduit.schemas import NewComment
from conduit.store import articles, comments, favorites

router = APIRouter(prefix="/article/{slug}")

COMMENTS_SHOWN = 50


@router.get("")
async def article(
    slug: str, page: ReadingPage, connection: Reading, number: PageNumber = 1
) -> Response:
    """The article and its newest comments, or older ones."""
    return await _show(slug, page, connection, number)


@router.post("/favorite")
async def favorite(slug: str, member: PostingMember, connection: Writing) -> Response:
    """Like the article, or take the like back."""
    article_id = await articles.id_to_refer_to(connection, slug)
    act = favorites.add if member.form.get("on") == "1" else favorites.remove
    await act(connection, member.viewer.id, article_id)
    return see(own_path(member.form.get("back")))


@router.post("/delete")
async def delete(slug: str, member: PostingMember, connection: Writing) -> Response:
    """Delete one's own article."""
    row = await articles.own(connection, slug, member.viewer.id)
    await articles.remove(connection, row)
    remove_picture(member.page.request.app.state.settings.media_dir, row.cover)
    return see(f"/profile/{quote(member.viewer.username)}")


@router.post("/comments")
async def comment(slug: str, member: PostingMember, connection: Writing) -> Response:
    """Write a comment."""
    try:
        body = NewComment(body=member.form.get("body", "")).body
    except ValidationError as error:
        wrong = errors.from_validation(error.errors())
        return await _show(slug, member.page, connection, 1, wrong, member.form.get("body"))
    article_id = await articles.id_to_refer_to(connection, slug)
    row = await comments.create(connection, article_id, member.viewer.id, body)
    return see(f"/article/{quote(slug)}#comment-{row.id}")


@router.post("/comments/{comment_id}/delete")
async def delete_comment(
    slug: str,
    comment_id: Annotated[int, Path(ge=0, lt=2**63)],
    member: PostingMember,
    connection: Writing,
) -> Response:
    """Delete a comment of one's own."""
    article_id = await articles.id_to_refer_to(connection, slug)
    await comments.remove(connection, article_id, comment_id, member.viewer.id)
    return see(f"/article/{quote(slug)}#comments")


async def _show(
    slug: str,
    page: Page,
    connection: Reading,
    number: int,
    wrong: Errors | None = None,
    draft: Any = None,
) -> Response:
    row = await articles.by_slug(connection, slug, id_of(page.viewer))
    total = await comments.count_of(connection, row.id)
    remarks = await comments.of_article(
        connection, row.id, id_of(page.viewer), COMMENTS_SHOWN, (number - 1) * COMMENTS_SHOWN
    )
    return page.render(
        "article.html",
        422 if wrong else 200,
        article=row,
        comments=remarks,
        total=total,
        number=number,
        pages=ceil(total / COMMENTS_SHOWN),
        errors=wrong or {},
        draft=draft or "",
    )
