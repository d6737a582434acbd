"""The ``[publish]`` table: where a static site goes, and who we are there."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tenfold.spec import places, values
from tenfold.spec.table import Table

Kind = Literal["git", "netlify", "bucket", "ssh"]
GITHUB: Final = "github:"
NETLIFY: Final = "netlify:"
SSH: Final = "ssh://"
GIT: Final = ("git+https://", "git+http://", "git+ssh://", "git+file://")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-fA-F:.]+\]|[0-9.]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_WAY = re.compile(r"/[A-Za-z0-9._~/+=@ -]*")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}")
_ONLY: Final = {
    "branch": ("git",),
    "token": ("git", "netlify"),
    "endpoint": ("bucket", "netlify"),
    "region": ("bucket",),
    "access_key": ("bucket",),
    "secret_key": ("bucket",),
    "keep": ("bucket", "ssh"),
}
_NAMED: Final = {
    "git": "a git repository",
    "netlify": "Netlify",
    "bucket": "a bucket",
    "ssh": "a directory over SSH",
}
HOW: Final = (
    'write "github:OWNER/REPOSITORY", "git+ssh://git@HOST/REPOSITORY", "netlify:SITE", '
    '"s3://BUCKET/PREFIX" or "ssh://USER@HOST/DIRECTORY"'
)


def kind_of(text: str) -> Kind:
    """Which kind of place a destination is."""
    if text.startswith((GITHUB, *GIT)):
        return "git"
    if text.startswith(NETLIFY):
        return "netlify"
    if text.startswith(places.S3):
        return "bucket"
    if text.startswith(SSH):
        return "ssh"
    raise ValueError(f'"{text}" is no place to publish to: {HOW}')


def destination(text: str) -> str:
    """Any of the places, checked part by part: some of it goes into command lines."""
    match kind_of(text):
        case "bucket":
            return places.bucket(text)
        case "netlify":
            if not _SITE.fullmatch(text.removeprefix(NETLIFY)):
                raise ValueError(f'"{text}" names no site; write for example "netlify:bakery"')
        case "ssh":
            _require_url(text, path="a directory")
        case "git":
            _require_repository(text)
    return text


def _require_repository(text: str) -> None:
    if text.startswith(GITHUB):
        if not _REPOSITORY.fullmatch(text.removeprefix(GITHUB)):
            raise ValueError(f'"{text}" names no repository; write for example "github:anna/shop"')
        return
    url = text.removeprefix("git+")
    if url.startswith("file://"):
        if not _WAY.fullmatch(url.removeprefix("file://")):
            raise ValueError(f'"{text}" names no repository; write "git+file:///srv/shop.git"')
        return
    _require_url(url, path="a repository")


def _require_url(url: str, *, path: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f'"{url}" is no URL') from None
    if parts.password is not None:
        raise ValueError("has a password in it; a token comes from a variable")
    host = parts.netloc.rpartition("@")[2]
    host = host.removesuffix(f":{port}") if port is not None else host
    if not _HOST.fullmatch(host) or parts.query or parts.fragment or port == 0:
        raise ValueError(f'"{url}" names no host')
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise ValueError(f'"{url}" names no user')
    way = parts.path.rstrip("/")
    if not way or not _WAY.fullmatch(way) or ".." in way.split("/"):
        raise ValueError(f'"{url}" names not {path}; write its whole path')
    if parts.scheme == "http" and not places.is_here(parts.hostname or ""):
        raise ValueError(f'"{url}" sends everything in the clear: use https://')


def branch_name(text: str) -> str:
    """The name of a branch, as git takes it."""
    bad = ".." in text or "//" in text or "/." in text or text.endswith((".lock", ".", "/"))
    if not _BRANCH.fullmatch(text) or bad:
        raise ValueError(f'"{text}" is no name of a branch, such as "gh-pages"')
    return text


_TEXT = WithJsonSchema({"type": "string"})


class PublishTable(Table):
    """Where the static site is published to."""

    to: Annotated[str, AfterValidator(destination)] = Field(
        description='Where to: "github:OWNER/REPOSITORY" or another git repository as '
        '"git+ssh://...", "netlify:SITE", a bucket as "s3://bucket/prefix", or a directory as '
        '"ssh://user@host/directory".',
    )
    folder: Annotated[str, AfterValidator(values.relative_path)] = Field(
        default="dist",
        alias="from",
        description="The folder of files, relative to tenfold.toml; --from names another one.",
    )
    branch: Annotated[str, AfterValidator(branch_name)] = Field(
        default="gh-pages",
        description="The branch of a git repository that has the site and nothing else.",
    )
    token: Annotated[str, places.taken("PUBLISH_TOKEN"), _TEXT] | None = Field(
        default=None,
        description="For Netlify, and for a git repository over https: a token that may write.",
    )
    endpoint: Annotated[str, AfterValidator(places.server_url)] | None = Field(
        default=None,
        description="The URL of the S3 server, where that is not Amazon's; or of Netlify's API.",
    )
    region: Annotated[str, AfterValidator(places.region_name)] = Field(
        default="us-east-1", description="The region of the bucket."
    )
    access_key: Annotated[str, places.taken("PUBLISH_ACCESS_KEY"), _TEXT] | None = Field(
        default=None, description="Who writes into the bucket."
    )
    secret_key: Annotated[str, places.taken("PUBLISH_SECRET_KEY"), _TEXT] | None = Field(
        default=None, description="The password to access_key."
    )
    keep: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(
        default=5,
        description="How many earlier publications a bucket or a directory keeps, to be put back.",
    )

    @property
    def kind(self) -> Kind:
        """Which kind of place it is."""
        return kind_of(self.to)

    @property
    def secrets(self) -> dict[str, str]:
        """The texts that a secret stands for, by key."""
        given = {k: getattr(self, k) for k in ("token", "access_key", "secret_key")}
        return {key: text for key, text in given.items() if text is not None}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        kind = self.kind
        for key, kinds in _ONLY.items():
            if key in self.model_fields_set and kind not in kinds:
                raise ValueError(f"{key} is for {_or(kinds)}, and this goes to {_NAMED[kind]}")
        if kind == "bucket" and (self.access_key is None or self.secret_key is None):
            raise ValueError("a bucket needs access_key and secret_key")
        if kind == "netlify" and self.token is None:
            raise ValueError('Netlify needs a token, for example  token = "${NETLIFY_TOKEN}"')
        if self.token is not None and self.to.startswith(("git+ssh://", "git+file://")):
            raise ValueError("token is for a repository over https; ssh has keys")
        return self


def _or(kinds: Collection[str]) -> str:
    return " or ".join(_NAMED[kind] for kind in kinds)
