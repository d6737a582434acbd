"""One thing that is wrong, from when it was first seen until it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["pending", "firing"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong. ``since`` is when it was first seen, ``seen`` when last; seconds
    since the epoch."""

    id: str
    alert: str
    subject: str
    what: str
    next: str
    since: float
    seen: float
    state: State

    @property
    def key(self) -> str:
        """What it is, and where."""
        return f"{self.alert} {self.subject}"
