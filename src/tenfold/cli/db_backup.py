"""``tenfold db backup``: copy the whole database now."""

from __future__ import annotations

from tenfold.cli.base import Settings, command
from tenfold.deployment import backups as keeping
from tenfold.deployment.deployment import Deployment


@command("backup")
def backup(settings: Settings) -> None:
    """Copy the whole database, and user files, now; others are made by themselves.

    Writes go on meanwhile. Moments up to the present can be restored without it, too: what is
    written goes to the archive all the time.

    \b
    tenfold db backup
    tenfold db backup --json
    """
    output = settings.output

    def tell(text: str) -> None:
        output.event("progress", {"text": text})

    made = keeping.make(Deployment.existing(settings.layout()), tell)
    stored = keeping.size(made.stored_bytes)
    content = keeping.size(made.content_bytes + made.storage_bytes)
    files = ", user files with it" if made.storage_dirs else ""
    seconds = made.ended - made.began
    output.line(f"  ✓ backup {made.id}: {content} became {stored} in {seconds:.1f} s{files}")
    output.event("backup", {"backup": {**made.to_json(), "parts": None, "storage": None}})
