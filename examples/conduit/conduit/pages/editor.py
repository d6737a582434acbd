"""Writing an article, and changing one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile

from conduit import errors
from conduit.database import Reading, Writing
from conduit.errors import Errors, Invalid
from conduit.media import MAX_BYTES, remove_picture, store_picture
from conduit.pages.session import Member, Page, PostingMember, ReadingPage, see
from conduit.schemas import NewArticle
from conduit.store import Record, articles
from conduit.text import render_markdown

router = APIRouter()

UPLOAD_BYTES = MAX_BYTES + 1024 * 1024


@router.get("/editor")
async def new(page: ReadingPage) -> Response:
    """An empty editor."""
    page.member()
    return _editor(page, None, {})


@router.post("/editor")
async def publish(member: PostingMember, connection: Writing) -> Response:
    """Publish an article."""
    return await _save(member, connection, None)


@router.get("/editor/{slug}")
async def edit(slug: str, page: ReadingPage, connection: Reading) -> Response:
    """One's own article in the editor."""
    row = await articles.own(connection, slug, page.member().id)
    fields = {
        "title": row.title,
        "description": row.description,
        "body": row.body,
        "tags": ", ".join(row.tags),
    }
    return _editor(page, row, fields)


@router.post("/editor/{slug}")
async def save(slug: str, member: PostingMember, connection: Writing) -> Response:
    """Save one's own article."""
    row = await articles.own(connection, slug, member.viewer.id)
    return await _save(member, connection, row)


@router.post("/preview")
async def preview(member: PostingMember) -> Response:
    """The Markdown that is being written, as readers will see it."""
    return HTMLResponse(render_markdown(str(member.form.get("body", ""))))


async def _save(member: Member, connection: AsyncConnection, row: Record | None) -> Response:
    form = member.form
    try:
        sent = NewArticle(
            title=form.get("title", ""),
            description=form.get("description", ""),
            body=form.get("body", ""),
            tag_list=str(form.get("tags", "")).split(","),
        )
        cover = await _cover(_media_dir(member), row, form)
    except ValidationError as error:
        wrong = errors.from_validation(error.errors())
        return _editor(member.page, row, form, wrong)
    except Invalid as error:
        return _editor(member.page, row, form, error.errors)
    words = {"title": sent.title, "description": sent.description, "body": sent.body}
    if row is None:
        slug = await articles.create(
            connection, member.viewer.id, **words, tags=sent.tag_list, cover=cover
        )
    else:
        changes = {**words, "cover": cover}
        slug = await articles.change(connection, row, changes, sent.tag_list)
        if cover != row.cover:
            remove_picture(_media_dir(member), row.cover)
    return see(f"/article/{quote(slug)}")


async def _cover(directory: Path, row: Record | None, form: dict[str, Any]) -> str | None:
    """The name of the picture that the article shall have. Raises Invalid."""
    upload = form.get("cover")
    if isinstance(upload, UploadFile) and upload.size:
        return await store_picture(directory, await upload.read())
    if row is None or form.get("remove_cover"):
        return None
    cover: str | None = row.cover
    return cover


def _media_dir(member: Member) -> Path:
    directory: Path = member.page.request.app.state.settings.media_dir
    return directory


def _editor(
    page: Page, row: Record | None, fields: dict[str, Any], wrong: Errors | None = None
) -> Response:
    kept = {name: fields.get(name, "") for name in ("title", "description", "body", "tags")}
    status = 422 if wrong else 200
    return page.render("editor.html", status, article=row, fields=kept, errors=wrong or {})
