"""Where the report of what was just done lies, told at its end."""

from __future__ import annotations

from tenfold.cli.output import Output
from tenfold.deployment.reporting import Filing


def tell_filed(filed: Filing, output: Output) -> None:
    """Its page, or why there is none."""
    if filed.page is not None:
        output.line(f"report {filed.page}", style="dim")
    elif filed.note is not None:
        output.line(filed.note, style="yellow")
