"""``[static]``: files that need no app, and pages of the app's that can be made into such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tenfold.spec import site_path, values
from tenfold.spec.table import Table
from tenfold.spec.units import Bytes, WaitSeconds

MOST_PAGES: Final = 1_000_000
Source = Literal["pages", "build"]
_OF_PAGES: Final = ("pages", "exclude", "follow", "sitemap")

RelativePath = Annotated[str, AfterValidator(values.relative_path)]
AssetUrl = Annotated[str, AfterValidator(values.asset_url)]
SitePath = Annotated[str, AfterValidator(site_path.path)]
PagePattern = Annotated[str, AfterValidator(site_path.pattern)]


def output_folder(text: str) -> str:
    """A folder of the project that a generator writes, and that is nothing else."""
    path = values.relative_path(text)
    first = path.partition("/")[0]
    if path == "." or first == ".git" or first.startswith(".tenfold"):
        raise ValueError(
            f'"{text}" is no folder of its own for a site; name the one that build writes, '
            'for example "public"'
        )
    return path


class StaticTable(Table):
    """Files that the edge serves without asking the app; a site made by a generator, or pages of
    the app's to export as files."""

    assets: Mapping[AssetUrl, RelativePath] = Field(
        default_factory=dict,
        description='URL prefix = directory of the project, for example "/static" = "static".',
    )
    build: Annotated[str, Field(min_length=1), AfterValidator(values.shell_command)] | None = Field(
        default=None,
        description="Command that makes a whole static site, such as a generator's: run by "
        "`tenfold export static` in the project's folder. Instead of pages.",
    )
    output: Annotated[str, AfterValidator(output_folder)] | None = Field(
        default=None,
        validate_default=True,
        description="The folder, relative to tenfold.toml, that build writes the site into.",
    )
    build_timeout_seconds: WaitSeconds = Field(
        default=1800.0,
        gt=0,
        alias="build_timeout",
        description="How long build may take.",
    )
    pages: tuple[PagePattern, ...] = Field(
        default=(),
        max_length=10_000,
        description="Paths of the app that `tenfold export static` makes files of, and patterns "
        "with * for those that pages link to.",
    )
    exclude: tuple[PagePattern, ...] = Field(
        default=(),
        max_length=1000,
        description="Paths and patterns that are not exported, whoever links to them.",
    )
    follow: bool = Field(
        default=False, description="Also export every page that an exported one links to."
    )
    sitemap: SitePath | None = Field(
        default=None, description="Path of a sitemap of the app's; what it lists is exported, too."
    )
    url: Annotated[str, AfterValidator(site_path.url)] | None = Field(
        default=None,
        description="Where the exported site will be, with the path that it is below; default: "
        "https and the [edge] domain.",
    )
    page_timeout_seconds: WaitSeconds = Field(
        default=30.0,
        gt=0,
        alias="page_timeout",
        description="How long the app may take for one page of an export.",
    )
    max_page_bytes: Bytes = Field(
        default=32_000_000,
        gt=0,
        alias="max_page_size",
        description="How large one page or file that the app answers may be.",
    )
    max_pages: Annotated[int, Field(strict=True, ge=1, le=MOST_PAGES)] = Field(
        default=50_000,
        description="How many pages there may be: a calendar can link to new ones without end.",
    )

    @property
    def source(self) -> Source | None:
        """What a static site is made from: the app's ``pages``, a generator's ``build``, or
        nothing, where the file names neither."""
        if self.build is not None:
            return "build"
        return "pages" if self.pages else None

    @field_validator("output", mode="after")
    @classmethod
    def _what_build_writes(cls, output: str | None, info: ValidationInfo) -> str | None:
        if "build" not in info.data:
            return output
        build = info.data["build"]
        if output is None and build is not None:
            raise ValueError('is missing beside build; add for example  output = "public"')
        if output is not None and build is None:
            raise ValueError('is what build writes; add for example  build = "hugo --minify"')
        return output

    @field_validator("build_timeout_seconds", mode="after")
    @classmethod
    def _of_a_build(cls, seconds: float, info: ValidationInfo) -> float:
        if info.data.get("build", "") is None:
            raise ValueError("is for build, which is not given")
        return seconds

    @field_validator(*_OF_PAGES, mode="after")
    @classmethod
    def _one_source(cls, value: Any, info: ValidationInfo) -> Any:
        if value and info.data.get("build") is not None:
            raise ValueError(
                "is for an app's own pages, and build makes a site from other sources; give one "
                "of both"
            )
        return value
