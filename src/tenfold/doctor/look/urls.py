"""The variables that the URLs of the user's own servers take."""

from __future__ import annotations

import os

from tenfold.deployment.given import remembered
from tenfold.doctor.model import Unseen
from tenfold.errors import TenfoldError
from tenfold.spec.values import references
from tenfold.state import app_secrets
from tenfold.state.layout import Layout


def given(
    layout: Layout, url: str | None, what: str, unseen: list[Unseen]
) -> dict[str, str] | None:
    """Variables to expand a URL with, as ``up`` would; ``None``, and said, if they are not set."""
    if url is None:
        return None
    try:
        own = {
            name: kept.value.reveal() for name, kept in app_secrets.load(layout.app_secrets).items()
        }
        known = {**remembered(layout), **os.environ, **own}
    except TenfoldError as error:
        unseen.append(Unseen(what, error.what, error.next or ""))
        return None
    missing = [name for name in references(url) if name not in known]
    if missing:
        unseen.append(Unseen(what, f"${{{missing[0]}}} is not set here", "set it, and look again"))
        return None
    return known
