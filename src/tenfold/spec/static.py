"""``[static]``: files that need no app, and pages of the app's that can be made into such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from tenfold.spec import site_path, values
from tenfold.spec.table import Table
from tenfold.spec.units import Bytes, WaitSeconds

MOST_PAGES: Final = 1_000_000

RelativePath = Annotated[str, AfterValidator(values.relative_path)]
AssetUrl = Annotated[str, AfterValidator(values.asset_url)]
SitePath = Annotated[str, AfterValidator(site_path.path)]
PagePattern = Annotated[str, AfterValidator(site_path.pattern)]


class StaticTable(Table):
    """Files that the edge serves without asking the app, and pages to export as files."""

    assets: Mapping[AssetUrl, RelativePath] = Field(
        default_factory=dict,
        description='URL prefix = directory of the project, for example "/static" = "static".',
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
