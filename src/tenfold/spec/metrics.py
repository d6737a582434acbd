"""The ``[metrics]`` table: the site's figures are gathered where it is, be it empty."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tenfold.spec.table import Table

Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]


class MetricsTable(Table):
    """Figures of the site, gathered beside it every ten seconds, where this table is."""

    port: Port | None = Field(
        default=None,
        description="The port of /metrics, at 127.0.0.1 alone; without it any free one, which "
        "`tenfold status` names and which stays the same.",
    )
