"""Static files: for every URL prefix, where its files lie and who is asked when one is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from tenfold.engines.nginx.text import filled, literal, pattern, quoted
from tenfold.errors import UsageError
from tenfold.topology.settings import Asset


def locations(assets: Sequence[Asset], root: str, hsts: str = "") -> str:
    """The location blocks of all assets, the most specific prefix first.

    ``root`` holds the links ``current`` and ``previous``; an asset's files are in its directory
    below each of them. ``hsts`` is a line that every answer over TLS has.

    Raises:
        UsageError: a prefix or a directory that cannot be served, or not safely.
    """
    for asset in assets:
        check(asset)
    # Of several regular expressions nginx takes the first that matches.
    ordered = sorted(assets, key=lambda a: (-len(_prefix(a)), a.url))
    return "".join(_blocks(asset, number, root, hsts) for number, asset in enumerate(ordered, 1))


def _blocks(asset: Asset, number: int, root: str, hsts: str) -> str:
    directory = PurePosixPath(asset.directory).as_posix()
    # A name that ends in a slash is a directory: those are the app's to answer for.
    matches = f"^{pattern(_prefix(asset))}(?<asset>.*[^/])$"
    return filled(
        "asset.conf",
        {
            "URL": asset.url,
            "PATTERN": quoted(matches),
            "CURRENT": literal(f"{root}/current/{directory}"),
            "PREVIOUS": literal(f"{root}/previous/{directory}"),
            "FALLBACK": f"@previous_{number}",
            "HSTS": hsts,
        },
    )


def _prefix(asset: Asset) -> str:
    return asset.url.rstrip("/") + "/"


def check(asset: Asset) -> None:
    """See that this can be served, and safely. Raises ``UsageError``."""
    if any(ord(mark) < 32 or ord(mark) == 127 for mark in asset.url + asset.directory):
        raise UsageError(
            f"{asset.url!r} or its directory {asset.directory!r} has control characters",
            next="rename it: the edge takes letters, digits, spaces and signs",
        )
    _check_url(asset.url)
    _check_directory(asset)


def _check_url(url: str) -> None:
    if not url.startswith("/"):
        raise UsageError(f"{url!r} is no URL prefix", next=f"begin it with /: /{url}")
    for mark in "?#%":
        if mark in url:
            raise UsageError(
                f"the URL prefix {url!r} contains {mark}, which no path has once decoded",
                next="write the path as a person reads it, without escapes or query",
            )
    parts = url.strip("/").split("/") if url.strip("/") else []
    if any(part in ("", ".", "..") for part in parts):
        raise UsageError(
            f"the URL prefix {url!r} has a part that is empty, . or ..",
            next="write the path as browsers ask for it, without such parts",
        )


def _check_directory(asset: Asset) -> None:
    directory = PurePosixPath(asset.directory)
    if directory.is_absolute() or ".." in directory.parts:
        raise UsageError(
            f"{asset.url} is served from {asset.directory!r}, which is outside the release",
            next="name a directory of the project, as a path relative to it",
        )
    if not directory.parts:
        raise UsageError(
            f"{asset.url} would serve the whole project, its source included",
            next="put the files that everybody may read into a directory of their own",
        )
    if any(part.startswith(".") for part in directory.parts):
        raise UsageError(
            f"{asset.url} is served from the hidden directory {asset.directory!r}",
            next="put the files that everybody may read into a directory that is not hidden",
        )
