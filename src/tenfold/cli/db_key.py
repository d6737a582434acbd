"""``tenfold db key``: a fresh key to encrypt backups with."""

from __future__ import annotations

from tenfold.cli.base import Settings, command


@command("key")
def key(settings: Settings) -> None:
    """Print a fresh key for [database.backup] encryption. Nothing is stored.

    Keep it in another place than the backups and than this machine, too: without it nobody can
    read them any more.

    \b
    export BACKUP_KEY=$(tenfold db key)
    """
    from tenfold.backups.seal import new_key  # a library that few commands need

    made = new_key()
    settings.output.event("key", {"key": made})
    settings.output.line(made, literal=True)
