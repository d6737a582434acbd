"""Building HTML and SVG so that nothing is left unescaped. Pure."""

from __future__ import annotations

import html
import re
from typing import Final

_EMPTY: Final = frozenset({"meta", "br"})
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(content: object) -> Markup:
    """Any content as text; markup stays what it is."""
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(_CONTROLS.sub("\ufffd", str(content)), quote=True))


def element(kind: str, /, *content: object, **attributes: object) -> Markup:
    """An element. An attribute's underscores read as hyphens, one at its end as nothing.

    Attributes that are ``None`` or ``False`` are left out.
    """
    opening = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{"" if value is True else text(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if kind in _EMPTY:
        return Markup(f"<{kind}{opening}>")
    return Markup(f"<{kind}{opening}>{joined(*content)}</{kind}>")


def joined(*content: object) -> Markup:
    """One after the other; ``None`` is nothing."""
    return Markup("".join(text(one) for one in content if one is not None))
