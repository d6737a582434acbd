"""Redirects of a static site: where they end, and the two ways to tell hosts of them. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tenfold.export import paths

MOST_HOPS: Final = 20


@dataclass(frozen=True, slots=True)
class Move:
    """From a path of the app's to a path of the app's (``inside``), or to a whole address."""

    origin: str
    to: str
    status: int
    inside: bool


def loop(moves: Mapping[str, Move], start: str) -> tuple[str, ...] | None:
    """The way round, if the redirects from a path lead in a circle or on and on; else ``None``.

    ``moves`` are by the key of their origin; a move only to the other spelling of a path, with a
    slash at its end or without, has to be among them only if it leads round.
    """
    way = [start]
    while (move := moves.get(way[-1])) is not None and move.inside:
        following = paths.key(move.to)
        if following in way or len(way) > MOST_HOPS:
            return (*way, following)
        way.append(following)
    return None


def page(move: Move, site: paths.Site) -> bytes:
    """A page that sends its visitor on, for hosts that know no redirects."""
    address = site.url(move.to) if move.inside else move.to
    link = f"{site.prefix}{paths.escaped(move.to)}" if move.inside else move.to
    whole, short = html.escape(address), html.escape(link)
    canonical = short if move.inside and not site.known else whole
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Moved</title>
<meta http-equiv="refresh" content="0; url={short}">
<link rel="canonical" href="{canonical}">
<meta name="robots" content="noindex">
</head>
<body><p>This page has moved to <a href="{short}">{short}</a>.</p></body>
</html>
""".encode()


def listing(moves: Sequence[Move], site: paths.Site) -> str:
    """All of them in the format of Netlify's ``_redirects``: a line each, escaped."""
    lines = ["# From, to, status; written by tenfold export static."]
    for move in sorted(moves, key=lambda m: m.origin):
        to = f"{site.prefix}{paths.escaped(move.to)}" if move.inside else move.to
        origin = f"{site.prefix}{_literal(paths.escaped(move.origin))}"
        lines.append(f"{origin} {to.replace(' ', '%20')} {move.status}")
    return "\n".join(lines) + "\n"


def _literal(path: str) -> str:
    """A path in which nothing stands for something else."""
    return path.replace("*", "%2A").replace("/:", "/%3A")


def headers(types: Mapping[str, str], site: paths.Site) -> str:
    """The types of files whose names do not say them, in the format of Netlify's ``_headers``."""
    lines = ["# Types that the names do not tell; written by tenfold export static."]
    for path in sorted(types):
        lines.append(f"{site.prefix}{_literal(paths.escaped(path))}")
        lines.append(f"  Content-Type: {types[path]}")
    return "\n".join(lines) + "\n"
