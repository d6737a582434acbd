"""Which pages are shown as files, as the journal's facts have it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HISTORY = "pages_shown"
"""Fact: the ids of all that were shown, each once, the one that was shown last at the end."""

IN_FRONT = "pages_in_front"
"""Fact: pages are files in front of the app, since the site began with them."""


def shown_last(facts: Mapping[str, Any]) -> str | None:
    """The id of the pages that the edge shows, or showed last; ``None`` before any."""
    history = facts.get(HISTORY)
    return history[-1] if history else None
