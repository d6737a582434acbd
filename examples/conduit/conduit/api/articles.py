"""Articles and favourites."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from conduit import views
from conduit.access import id_of
from conduit.api.deps import (
    MOST_AT_ONCE,
    Limit,
    MaybeViewer,
    Offset,
    ReadingViewer,
    WritingViewer,
)
from conduit.database import Reading, Writing
from conduit.schemas import (
    ArticleResponse,
    ArticlesResponse,
    NewArticleRequest,
    UpdateArticleRequest,
    refusals,
)
from conduit.store import articles, favorites

router = APIRouter(tags=["Articles"], prefix="/articles")


@router.get("", response_model=ArticlesResponse, responses=refusals(401))
async def list_articles(
    connection: Reading,
    viewer: MaybeViewer,
    tag: Annotated[str | None, Query(description="Only with this tag")] = None,
    author: Annotated[str | None, Query(description="Only by this user")] = None,
    favorited: Annotated[str | None, Query(description="Only liked by this user")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Response:
    """Articles from everybody, newest first."""
    which = articles.Filter(tag=tag, author=author, favorited=favorited)
    page = await articles.listing(
        connection, which, id_of(viewer), min(limit, MOST_AT_ONCE), offset
    )
    return views.json_response(views.articles(*page))


@router.get("/feed", response_model=ArticlesResponse, responses=refusals(401))
async def feed(
    connection: Reading, viewer: ReadingViewer, limit: Limit = 20, offset: Offset = 0
) -> Response:
    """Articles by those whom the user follows, newest first."""
    page = await articles.listing(
        connection, articles.Filter(feed=True), viewer.id, min(limit, MOST_AT_ONCE), offset
    )
    return views.json_response(views.articles(*page))


@router.post("", status_code=201, response_model=ArticleResponse, responses=refusals(401))
async def create_article(
    viewer: WritingViewer, connection: Writing, sent: NewArticleRequest
) -> Response:
    """Publish an article."""
    new = sent.article
    slug = await articles.create(
        connection, viewer.id, new.title, new.description, new.body, new.tag_list
    )
    article = await articles.by_slug(connection, slug, viewer.id)
    return views.json_response({"article": views.article(article)}, 201)


@router.get("/{slug}", response_model=ArticleResponse, responses=refusals(401, 404))
async def get_article(slug: str, connection: Reading, viewer: MaybeViewer) -> Response:
    """An article."""
    article = await articles.by_slug(connection, slug, id_of(viewer))
    return views.json_response({"article": views.article(article)})


@router.put("/{slug}", response_model=ArticleResponse, responses=refusals(401, 403, 404))
async def update_article(
    slug: str, viewer: WritingViewer, connection: Writing, sent: UpdateArticleRequest
) -> Response:
    """Change the fields that are sent. With a new title the slug changes, too."""
    article = await articles.own(connection, slug, viewer.id)
    changes = sent.article.sent()
    tags = changes.pop("tag_list", None)
    slug = await articles.change(connection, article, changes, tags)
    article = await articles.by_slug(connection, slug, viewer.id)
    return views.json_response({"article": views.article(article)})


@router.delete("/{slug}", status_code=204, responses=refusals(401, 403, 404))
async def delete_article(slug: str, viewer: WritingViewer, connection: Writing) -> None:
    """Delete an article with everything under it."""
    await articles.remove(connection, await articles.own(connection, slug, viewer.id))


@router.post(
    "/{slug}/favorite",
    tags=["Favorites"],
    response_model=ArticleResponse,
    responses=refusals(401, 404),
)
async def favorite(slug: str, viewer: WritingViewer, connection: Writing) -> Response:
    """Like an article."""
    article_id = await articles.id_to_refer_to(connection, slug)
    await favorites.add(connection, viewer.id, article_id)
    article = await articles.by_slug(connection, slug, viewer.id)
    return views.json_response({"article": views.article(article)})


@router.delete(
    "/{slug}/favorite",
    tags=["Favorites"],
    response_model=ArticleResponse,
    responses=refusals(401, 404),
)
async def unfavorite(slug: str, viewer: WritingViewer, connection: Writing) -> Response:
    """Take a like back."""
    article_id = await articles.id_to_refer_to(connection, slug)
    await favorites.remove(connection, viewer.id, article_id)
    article = await articles.by_slug(connection, slug, viewer.id)
    return views.json_response({"article": views.article(article)})
