"""The ``[storage]`` table: directories of user files, which outlive releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import PurePosixPath
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tenfold.spec import values

MAX_DIRS: Final = 16
_TENFOLDS = (".tenfold", ".git", "tenfold.toml")


def _directory(text: str) -> str:
    """A directory of the project that can be kept apart from it."""
    path = values.relative_path(text)
    if path == ".":
        raise ValueError("the whole project cannot be kept across releases; name a folder in it")
    if any(part.startswith(_TENFOLDS) for part in PurePosixPath(path).parts):
        raise ValueError(f'"{path}" is no folder for user files')
    return path


Directory = Annotated[str, AfterValidator(_directory)]
Url = Annotated[str, AfterValidator(values.asset_url)]


class StorageTable(BaseModel):
    """User files: directories that every release shares."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    dirs: tuple[Directory, ...] = Field(
        default=(),
        max_length=MAX_DIRS,
        description="Directories that outlive releases, relative to this file; at most 16.",
    )
    urls: Mapping[Url, Directory] = Field(
        default_factory=dict,
        description="URL prefix = one of dirs, or a folder in one, that everybody may read: "
        '"/media" = "media". What is not named here is not served.',
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for one, other in combinations(self.dirs, 2):
            if contains(one, other) or contains(other, one):
                raise ValueError(f'dirs: "{one}" and "{other}" overlap; the outer one is enough')
        for url, directory in self.urls.items():
            if self.holding(directory) is None:
                raise ValueError(
                    f'urls: "{url}" = "{directory}" is not in dirs; write dirs = ["{directory}"]'
                )
        for one, other in combinations(self.urls, 2):
            if contains(one, other) or contains(other, one):
                raise ValueError(f'urls: "{one}" and "{other}" overlap; each needs its own prefix')
        return self

    def holding(self, path: str) -> str | None:
        """The directory of ``dirs`` that a path of the project lies in, or is."""
        return next((d for d in self.dirs if contains(d, path)), None)

    def clashes(self, assets: Mapping[str, str]) -> Iterator[str]:
        """What of ``[static] assets`` cannot be served beside this, in words."""
        for url, directory in assets.items():
            if self.holding(directory) is not None:
                yield f'"{url}" = "{directory}" is user files: it belongs into urls'
            for own in self.urls:
                if contains(own, url):
                    yield f'"{url}" of [static] assets lies in "{own}" of urls; take another prefix'


def contains(outer: str, inner: str) -> bool:
    """Whether a path is another one, or lies in it; both of a project, or both of a site."""
    return PurePosixPath(inner).is_relative_to(PurePosixPath(outer))
