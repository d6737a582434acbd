"""One thing that is wrong at one moment, as a rule sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that is wrong: ``what`` and ``next`` are sentences for whoever is woken by them."""

    alert: str
    subject: str
    what: str
    next: str
    grave: bool = True

    @property
    def key(self) -> str:
        """What it is, and where."""
        return f"{self.alert} {self.subject}"
