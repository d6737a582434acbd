"""Types of files: what an app says, and what a static host says, which knows only names. Pure."""

from __future__ import annotations

import mimetypes
from typing import Final

UNKNOWN: Final = "application/octet-stream"
HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_MORE: Final = {
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".geojson": "application/geo+json",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".jsonld": "application/ld+json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".rss": "application/rss+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
# Without the machine's own lists, which differ from one to the next.
_TYPES: Final = mimetypes.MimeTypes(filenames=()).types_map[True] | _MORE
# What programs take for the same.
_ALIKE: Final = (
    frozenset({"text/javascript", "application/javascript", "application/x-javascript"}),
    frozenset({"application/xml", "text/xml", "application/rss+xml", "application/atom+xml"}),
    frozenset({
        "application/json", "application/manifest+json", "application/ld+json",
        "application/feed+json", "application/problem+json", "text/json",
    }),
    frozenset({"image/x-icon", "image/vnd.microsoft.icon"}),
    frozenset({"font/woff2", "application/font-woff2"}),
    frozenset({"font/woff", "application/font-woff"}),
    HTML,
)  # fmt: skip


def bare(content_type: str) -> str:
    """A type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def charset(content_type: str) -> str | None:
    """The charset that a type names, in lower case."""
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'").lower() or None
    return None


def served_as(place: str) -> str:
    """The type with which static hosts serve a file of this name."""
    name = place.rpartition("/")[2]
    dot = name.rfind(".")
    return _TYPES.get(name[dot:].lower(), UNKNOWN) if dot > 0 else UNKNOWN


def alike(one: str, other: str) -> bool:
    """Whether two types, without parameters, are as good as the same."""
    return one == other or any(one in kinds and other in kinds for kinds in _ALIKE)
