"""A query as it may be shown: short, and without the values in it. Pure."""

from __future__ import annotations

import re

SHOWN_CHARACTERS = 100

# In the order in which they are tried where they begin; whatever has no end reaches to the end, for
# the server cuts long queries off.
_PARTS = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\* .*? (?:\*/|\Z) )
    | (?P<value>   [eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
                 | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)
                 | \$(?P<tag>\w*)\$ .*? (?:\$(?P=tag)\$|\Z) )
    | (?P<name>    "(?:[^"]|"")*(?:"|\Z) | [A-Za-z_\x80-\U0010ffff][\w$]*(?!['\w$]) )
    | (?P<kept>    \$\d+ )
    | (?P<number>  \d[\w.]* )
    """,
    re.DOTALL | re.VERBOSE,
)


def shown(query: str, most: int = SHOWN_CHARACTERS) -> str:
    """One line of at most so many characters; values, which may be somebody's data, read ``?``."""
    text = " ".join(_PARTS.sub(_part, query).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _part(found: re.Match[str]) -> str:
    if found["comment"] is not None:
        return " "
    return found[0] if found["name"] is not None or found["kept"] is not None else "?"
