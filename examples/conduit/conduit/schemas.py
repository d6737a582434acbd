"""What the API takes and gives. The forms of the pages are checked by the same models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from conduit.errors import BLANK

MAX_TAGS = 20


def _storable(value: str) -> str:
    if "\x00" in value:  # PostgreSQL's text has no room for it
        raise ValueError("is invalid")
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError(BLANK)
    return value


def _address(value: str) -> str:
    name, at, host = value.partition("@")
    if not (name and at and host) or any(c.isspace() for c in value):
        raise ValueError("is invalid")
    return value


def _username(value: str) -> str:
    # It becomes one segment of an address: /profile/<username>.
    if "/" in value or not value.strip(".") or not value.isprintable():
        raise ValueError("is invalid")
    return value


def _tags(tags: list[str]) -> list[str]:
    kept = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    if len(kept) > MAX_TAGS:
        raise ValueError(f"is too long (maximum is {MAX_TAGS} tags)")
    return kept


Stored = AfterValidator(_storable)
Filled = AfterValidator(_filled)


def _line(max_length: int) -> Any:
    return StringConstraints(strip_whitespace=True, max_length=max_length)


Title = Annotated[str, _line(200), Filled, Stored]
Description = Annotated[str, _line(500), Filled, Stored]
Prose = Annotated[str, StringConstraints(max_length=200_000), Filled, Stored]
Remark = Annotated[str, StringConstraints(max_length=10_000), Filled, Stored]
Tag = Annotated[str, _line(50), Stored]
Tags = Annotated[list[Tag], AfterValidator(_tags)]
Email = Annotated[str, _line(254), Filled, Stored, AfterValidator(_address)]
Username = Annotated[str, _line(50), Filled, Stored, AfterValidator(_username)]
GivenPassword = Annotated[str, StringConstraints(max_length=200), Filled]
# NIST SP 800-63B: at least 8 characters, at least 64 accepted, no rules about their kinds.
NewPassword = Annotated[str, StringConstraints(min_length=8, max_length=200), Filled]
Bio = Annotated[str, _line(1000), Stored]
ImageAddress = Annotated[str, _line(500), Stored]


class _Model(BaseModel):
    """Names are tag_list here and tagList on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Login(_Model):
    email: Annotated[str, _line(254), Filled, Stored]
    password: GivenPassword


class NewUser(_Model):
    username: Username
    email: Email
    password: NewPassword


class _Partial(_Model):
    """Only what was sent is changed. A field that was sent as null is not the same as one that
    was left out: the defaults below are never validated, a sent null is."""

    def sent(self) -> dict[str, Any]:
        """The fields that were in the request."""
        return self.model_dump(exclude_unset=True)


class UpdateUser(_Partial):
    username: Username = ""
    email: Email = ""
    password: NewPassword = ""
    bio: Bio | None = None
    image: ImageAddress | None = None


class NewArticle(_Model):
    title: Title
    description: Description
    body: Prose
    tag_list: Tags = []


class UpdateArticle(_Partial):
    title: Title = ""
    description: Description = ""
    body: Prose = ""
    tag_list: Tags = []


class NewComment(_Model):
    body: Remark


class LoginRequest(_Model):
    user: Login


class NewUserRequest(_Model):
    user: NewUser


class UpdateUserRequest(_Model):
    user: UpdateUser


class NewArticleRequest(_Model):
    article: NewArticle


class UpdateArticleRequest(_Model):
    article: UpdateArticle


class NewCommentRequest(_Model):
    comment: NewComment


class _Shape(_Model):
    """A response, for the API's description. The answers themselves are built in views.py: they
    come from our own tables, and checking them again would cost more than making them."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Profile(_Shape):
    username: str
    bio: str
    image: str
    following: bool


class CurrentUser(_Shape):
    email: str
    token: str
    username: str
    bio: str
    image: str


class ListedArticle(_Shape):
    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: str
    updated_at: str
    favorited: bool
    favorites_count: int
    author: Profile


class Article(ListedArticle):
    body: str


class Comment(_Shape):
    id: int
    created_at: str
    updated_at: str
    body: str
    author: Profile


class UserResponse(_Shape):
    user: CurrentUser


class ProfileResponse(_Shape):
    profile: Profile


class ArticleResponse(_Shape):
    article: Article


class ArticlesResponse(_Shape):
    articles: list[ListedArticle]
    articles_count: int


class CommentResponse(_Shape):
    comment: Comment


class CommentsResponse(_Shape):
    comments: list[Comment]


class TagsResponse(_Shape):
    tags: list[str]


class ErrorResponse(_Shape):
    errors: dict[str, list[str]]


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals that a route may answer with, for the API's description."""
    return {
        status: {"model": ErrorResponse, "description": _REFUSALS[status]} for status in statuses
    }


_REFUSALS = {
    401: "Not signed in, or with wrong credentials",
    403: "It is not theirs to change",
    404: "There is no such thing",
    422: "What was sent cannot be accepted",
}
