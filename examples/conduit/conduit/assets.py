"""Addresses of static files that change when the file does."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

STATIC_DIR = Path(__file__).parent / "static"


@cache
def static_url(name: str) -> str:
    """The address of a file in static/, its content's hash in the query.

    A query and not a hashed file name: the directory can be served as it is by any web server, and
    while two releases run side by side a page of either finds its files with both. The typefaces,
    which never change, have theirs in the name and may be kept for ever.
    """
    digest = hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"
