"""``tenfold export``: what Tenfold makes, as files to take along."""

from __future__ import annotations

from tenfold.cli.base import group
from tenfold.cli.export_static import static


@group("export")
def export() -> None:
    """Files to take along: the app's own pages as a static site.

    \b
    tenfold export static
    """


export.add_command(static)
