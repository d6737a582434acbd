"""``tenfold db backups``: what can be restored."""

from __future__ import annotations

import os
import time

from tenfold.backups.catalogue import Backup, Lineage, newest
from tenfold.cli.base import Settings, command
from tenfold.cli.past import shown
from tenfold.deployment import backups as keeping
from tenfold.spec import read


@command("backups")
def backups(settings: Settings) -> None:
    """Which backups there are, and between which moments one can choose.

    They are looked up where they lie, so this works on another machine, too: with tenfold.toml and
    the variables that [database.backup] names.

    \b
    tenfold db backups
    tenfold db backups --json
    """
    layout = settings.layout()
    spec = read.load(layout.spec, environment=layout.environment)
    store, found = keeping.archives(spec, layout, os.environ)
    if settings.json:
        told = [_told(one) for one in found]
        settings.output.object({"place": store.place, "archives": told})
        return
    last = newest(found)
    if last is None:
        settings.output.line(f"there is no backup in {store.place} yet")
        settings.output.line()
        settings.output.line("Next   tenfold db backup")
        return
    settings.output.line(f"{store.place} · any moment {_window(last)}", style="bold")
    for one in found:
        settings.output.line()
        if len(found) > 1:
            settings.output.line(f"  {one.name}{'' if one is last else '   an earlier database'}")
        settings.output.columns([_row(backup) for backup in reversed(one.backups)])
        for id in one.unreadable:
            settings.output.line(
                f"  {id} is damaged: its description cannot be read", style="yellow"
            )


def _window(one: Lineage) -> str:
    first = shown(one.backups[0].ended)
    if one.recoverable_at < one.backups[0].ended:
        return f"from {first} on"
    ago = keeping.span(time.time() - one.recoverable_at)
    return f"from {first} to {shown(one.recoverable_at)} ({ago} ago)"


def _row(backup: Backup) -> tuple[str, ...]:
    return (
        backup.id,
        shown(backup.ended),
        f"PostgreSQL {backup.version}",
        f"{keeping.size(backup.content_bytes + backup.storage_bytes)} as"
        f" {keeping.size(backup.stored_bytes)}",
        ("encrypted" if backup.encrypted else "not encrypted")
        + (f", with {', '.join(backup.storage_dirs)}" if backup.storage_dirs else ""),
    )


def _told(one: Lineage) -> dict[str, object]:
    return {
        "name": one.name,
        "recoverable_at": one.recoverable_at or None,
        "unfinished": list(one.unfinished),
        "unreadable": list(one.unreadable),
        "backups": [
            {
                "id": b.id,
                "began": b.began,
                "ended": b.ended,
                "timeline": b.timeline,
                "version": b.version,
                "bytes": b.content_bytes,
                "storage_bytes": b.storage_bytes,
                "storage": list(b.storage_dirs),
                "stored_bytes": b.stored_bytes,
                "encrypted": b.encrypted,
            }
            for b in one.backups
        ],
    }
