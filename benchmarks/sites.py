"""What both sides are: a site that can be brought up, loaded, renewed and weighed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

OURS, THEIRS = "Tenfold", "by hand"

Parts = dict[str, float]
"""Seconds by part of a start."""


class Site(Protocol):
    """One app, served at ``url``."""

    name: str
    url: str

    def up(self) -> Parts:
        """Bring it up, from nothing or from its data."""

    def down(self) -> None:
        """Stop it; the data stays."""

    def seed(self) -> None:
        """Fill its database, and let the planner know what is there."""

    def renew(self, version: str) -> None:
        """Serve the next release; its code says this version."""

    def dsn(self) -> str:
        """The app's database."""

    def workers(self) -> int:
        """How many processes serve the app."""

    def units(self) -> Mapping[str, Sequence[int]]:
        """The processes of each kind of unit: ``app``, ``edge``, ``postgres``, and what watches."""

    def close(self) -> None:
        """Stop it for good; no process is left."""
