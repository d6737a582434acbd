"""User files at the edge: for every URL prefix, where they lie, and little risk with them."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.engines.nginx.assets import check
from tenfold.engines.nginx.text import filled, literal, pattern, quoted
from tenfold.topology.settings import Asset


def locations(stored: Sequence[Asset], root: str, hsts: str) -> str:
    """The location blocks, the most specific prefix first; ``root`` is where all user files lie;
    ``hsts`` is a directive for every answer.

    Raises:
        UsageError: a prefix or a directory that cannot be served, or not safely.
    """
    for one in stored:
        check(one)
    ordered = sorted(stored, key=lambda s: (-len(s.url), s.url))
    return "".join(_block(one, root, hsts) for one in ordered)


def _block(one: Asset, root: str, hsts: str) -> str:
    # (?s): a line feed in a name must not make it another location's.
    matches = f"(?s)^{pattern(one.url.rstrip('/'))}/(?<stored>.+)$"
    return filled(
        "stored.conf",
        {
            "URL": one.url,
            "HSTS": hsts,
            "PATTERN": quoted(matches),
            "ROOT": literal(f"{root}/{one.directory}"),
            "FROM": literal(f"from={root}"),
        },
    )
