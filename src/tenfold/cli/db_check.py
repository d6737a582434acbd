"""``tenfold db check``: whether the newest backup brings everything back."""

from __future__ import annotations

from tenfold.cli.base import Settings, command
from tenfold.deployment import backups as keeping
from tenfold.deployment.deployment import Deployment


@command("check")
def check(settings: Settings) -> None:
    """Restore the newest backup beside the site, compare it with the database, throw it away.

    The rows of every table are counted on both sides, every page of the copy is compared with its
    checksum, its tables and indexes are looked through (pg_amcheck). The site goes on; it takes as
    much room as the database has, and a part of one core. By itself, now and then:
    [database.backup] check = "7d".

    \b
    tenfold db check
    """
    output = settings.output

    def tell(text: str) -> None:
        output.event("progress", {"text": text})

    found = keeping.check(Deployment.existing(settings.layout()), tell)
    changing = f", {found['changing']} of them written to meanwhile" if found["changing"] else ""
    output.line(
        f"  ✓ backup {found['backup']} brings everything back: {found['tables']} tables{changing},"
        f" {found['rows']} rows, every checksum right"
    )
    output.line(f"    it took {found['seconds']:.1f} s; the copy is deleted")
    output.event("checked", found)
