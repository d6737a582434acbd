"""A failure that the move between stages has an answer to."""

from __future__ import annotations

from tenfold.errors import UnitFailed


class NeedsWriter(UnitFailed):
    """The app writes when it starts, and the database that it was warmed on only follows."""
