"""Paths of a site that can be files of a static one."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

MOST_SEGMENT_BYTES: Final = 240
"""File systems take 255; hosts and copies add endings of their own."""
MOST_PATH_BYTES: Final = 1500
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_URL = re.compile(
    r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?)(/[A-Za-z0-9._~/-]*)?", re.I
)


def fault(path: str) -> str | None:
    """Why a path, without its escapes, can be no file of a static site; else ``None``."""
    if not path.startswith("/"):
        return "does not begin with /"
    if _CONTROL.search(path):
        return "has a control character in it"
    if "\\" in path or "?" in path or "#" in path:
        return "has a character in it that no static host can serve: \\, ? or #"
    parts = path.split("/")[1:]
    if "" in parts[:-1]:
        return "has an empty part: //"
    if "." in parts or ".." in parts:
        return "would leave the folder: . or .. in it"
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "is not UTF-8"
    if max(sizes) > MOST_SEGMENT_BYTES or sum(sizes) > MOST_PATH_BYTES:
        return "is too long for a file's name"
    return None


def unescaped(path: str) -> str | None:
    """A path of a URL without its escapes; ``None`` where those are not UTF-8."""
    if "%" not in path:
        return path
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return None


def pattern(text: str) -> str:
    """A path, or one with ``*`` for any number of characters."""
    if "?" in text:
        raise ValueError(
            f'"{text}" has a query string, which a static host ignores; give such a page a path'
        )
    path = unescaped(text)
    wrong = "is not UTF-8" if path is None else fault(path)
    if path is None or wrong:
        raise ValueError(f'"{text}" {wrong}; write a path of the app, for example "/about"')
    return path


def path(text: str) -> str:
    """One path."""
    if "*" in text:
        raise ValueError(f'"{text}" is a pattern; one path is wanted here')
    return pattern(text)


def url(text: str) -> str:
    """Where a site will be: scheme, host and the path that it is below."""
    if not _URL.fullmatch(text) or "//" in text.partition("://")[2] or "/." in text:
        raise ValueError(
            f'"{text}" is not where a site can be; write for example "https://example.org" or '
            '"https://you.github.io/shop"'
        )
    return text.rstrip("/")
