"""How an import tells what it does."""

from __future__ import annotations

from typing import Protocol

from tenfold.importing.model import Copy


class Listener(Protocol):
    """Told as it happens."""

    def doing(self, text: str) -> None:
        """Something that may take a while began."""
        ...

    def rows(self, copy: Copy, rows: int) -> None:
        """So many rows of a table were sent."""
        ...

    def copied(self, copy: Copy, seconds: float) -> None:
        """All rows of a table are there, and are the same on both sides."""
        ...

    def done(self, text: str, seconds: float) -> None:
        """Something that concerns no table alone was done."""
        ...
