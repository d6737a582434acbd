"""``tenfold db``: the database's data, kept and brought back."""

from __future__ import annotations

from tenfold.cli.base import group
from tenfold.cli.db_backup import backup
from tenfold.cli.db_backups import backups
from tenfold.cli.db_check import check
from tenfold.cli.db_import import import_
from tenfold.cli.db_key import key
from tenfold.cli.db_restore import restore


@group("db")
def db() -> None:
    """The database's data: backups, what can be done with them, and data from elsewhere.

    With [database.backup] in tenfold.toml everything that is written goes to another place, at most
    a minute later, and the whole database now and then.

    \b
    tenfold db backups
    tenfold db backup
    tenfold db check
    tenfold db restore --into /tmp/look --to 14:30
    tenfold db import db.sqlite3
    """


for _one in (backup, backups, check, restore, key, import_):
    db.add_command(_one)
