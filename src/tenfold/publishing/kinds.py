"""Of which type a file is, by its name: the same on every machine. Pure."""

from __future__ import annotations

import mimetypes
from typing import Final

# Without the files of this machine: a site must not be served otherwise from another one.
_TYPES: Final = mimetypes.MimeTypes(filenames=())
for _type, _ending in (
    ("application/manifest+json", ".webmanifest"),
    ("application/rss+xml", ".rss"),
    ("application/atom+xml", ".atom"),
    ("application/wasm", ".wasm"),
    ("application/xhtml+xml", ".xhtml"),
    ("application/xml", ".xml"),
    ("font/woff", ".woff"),
    ("font/woff2", ".woff2"),
    ("font/ttf", ".ttf"),
    ("font/otf", ".otf"),
    ("image/avif", ".avif"),
    ("image/svg+xml", ".svg"),
    ("image/webp", ".webp"),
    ("image/x-icon", ".ico"),
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("text/markdown", ".md"),
    ("application/json", ".map"),
):
    _TYPES.add_type(_type, _ending)
_TEXT = ("application/json", "application/xml", "application/manifest+json", "image/svg+xml")
UNKNOWN: Final = "application/octet-stream"
PAGE_TYPES: Final = ("text/html", "application/xhtml+xml")


def type_of(path: str) -> str:
    """What a server says in ``Content-Type``."""
    found, encoding = _TYPES.guess_type(f"/{path}", strict=True)
    if found is None or encoding is not None:
        return "application/gzip" if encoding == "gzip" else UNKNOWN
    text = found.startswith("text/") or found in _TEXT or found.endswith("+xml")
    return f"{found}; charset=utf-8" if text else found


def is_page(path: str) -> bool:
    """Whether people look at it, and it needs other files to be looked at."""
    return type_of(path).partition(";")[0] in PAGE_TYPES
