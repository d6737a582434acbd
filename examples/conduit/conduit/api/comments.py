"""Comments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from conduit import views
from conduit.access import id_of
from conduit.api.deps import MaybeViewer, WritingViewer
from conduit.database import Reading, Writing
from conduit.schemas import CommentResponse, CommentsResponse, NewCommentRequest, refusals
from conduit.store import articles, comments

router = APIRouter(tags=["Comments"], prefix="/articles/{slug}/comments")


@router.get("", response_model=CommentsResponse, responses=refusals(401, 404))
async def list_comments(slug: str, connection: Reading, viewer: MaybeViewer) -> Response:
    """The comments under an article, newest first."""
    article_id = await articles.id_of(connection, slug)
    rows = await comments.of_article(connection, article_id, id_of(viewer))
    return views.json_response({"comments": [views.comment(row) for row in rows]})


@router.post("", response_model=CommentResponse, responses=refusals(401, 404))
async def create_comment(
    slug: str, viewer: WritingViewer, connection: Writing, sent: NewCommentRequest
) -> Response:
    """Write a comment."""
    article_id = await articles.id_to_refer_to(connection, slug)
    row = await comments.create(connection, article_id, viewer.id, sent.comment.body)
    return views.json_response({"comment": views.own_comment(row, viewer)})


@router.delete("/{comment_id}", status_code=204, responses=refusals(401, 403, 404))
async def delete_comment(
    slug: str,
    comment_id: Annotated[int, Path(ge=0, lt=2**63)],
    viewer: WritingViewer,
    connection: Writing,
) -> None:
    """Delete a comment of one's own."""
    article_id = await articles.id_to_refer_to(connection, slug)
    await comments.remove(connection, article_id, comment_id, viewer.id)
