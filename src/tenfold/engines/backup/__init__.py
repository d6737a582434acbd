"""The keeper of backups beside a database server; what it does is in :mod:`tenfold.backups`."""

from tenfold.engines.backup.render import Backup

__all__ = ["Backup"]
