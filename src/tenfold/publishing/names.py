"""Which names a published file can have: everywhere, and in each kind of place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MAX_PART_BYTES: Final = 255
MAX_PATH_BYTES: Final = 800
"""S3 takes 1,024 bytes, with the prefix and with what Tenfold puts before it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_PRIVATE = re.compile(
    r"\.git|\.git/.*|\.env(\..*)?|\.tenfold(-[a-z0-9-]+)?|tenfold\.toml|id_(rsa|ed25519|ecdsa)|.*\.pem",
    re.IGNORECASE,
)
# What a file system of Windows or macOS takes for .git, and git therefore refuses.
_LIKE_GIT = re.compile(r"\.git|git~\d+", re.IGNORECASE)
OWN: Final = ".tenfold"
"""The folder beside a site in which Tenfold keeps what it needs to put a publication back."""


def private(path: str) -> bool:
    """Whether a file or folder of that name is no part of a site, and may hold what nobody should
    read: a repository, ``.env``, keys, Tenfold's own state."""
    return _PRIVATE.fullmatch(path.rpartition("/")[2]) is not None


def problem(path: str) -> str | None:
    """Why no place can have a file of this name; ``None`` if all can."""
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if _CONTROL.search(path):
        return "its name has a control character"
    if "\\" in path:
        return 'its name has a "\\"'
    if len(raw) > MAX_PATH_BYTES:
        return f"its path has more than {MAX_PATH_BYTES} bytes"
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "its path leads out of the folder"
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"its name has more than {MAX_PART_BYTES} bytes"
    return None


def in_git(path: str) -> str | None:
    """As :func:`problem`, for what git cannot have."""
    if any(_LIKE_GIT.fullmatch(part.rstrip(" .").partition(":")[0]) for part in path.split("/")):
        return "git has no files of that name"
    return None


def at_netlify(path: str) -> str | None:
    """As :func:`problem`, for Netlify: "filenames cannot contain # or ?" (its command line)."""
    return 'Netlify has no "#" and no "?" in names' if "#" in path or "?" in path else None


def shown(path: str) -> str:
    """A name as it can be printed, whatever is in it."""
    if path.isprintable():
        return path
    return path.encode("unicode_escape").decode("ascii")


def listed(paths: Iterable[str], most: int = 5) -> str:
    """Some names, and how many more there are."""
    found = sorted(paths)
    told = ", ".join(shown(path) for path in found[:most])
    return told if len(found) <= most else f"{told} and {len(found) - most:,} more"
