"""References in pages, style sheets and sitemaps. Pure, and in time proportional to the text.

A page is read as browsers read it, as far as references go: comments, and the texts of scripts and
styles, hold none; quotes count within an attribute's value alone. Every alternative of the patterns
takes what it began, to the end of the text if need be, and never goes back: a page cannot keep it
busy.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urljoin

Kind = Literal["page", "part", "form"]


@dataclass(frozen=True, slots=True)
class Reference:
    """``page`` is somewhere to go, ``part`` belongs to what is shown, ``form`` sends something."""

    text: str
    kind: Kind


_ATTRIBUTES: Final = (
    r"""(?:[^>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+)?+)*+"""
)
_TAG: Final = re.compile(
    rf"<!--.*?(?:--!?>|\Z)"
    rf"|<(script|style|textarea|title|iframe|noembed|xmp)(?=[\s/>])({_ATTRIBUTES})(?:>|\Z)"
    rf"(.*?)(?:</\1(?=[\s/>])|\Z)"
    rf"|<(a|area|link|img|source|video|audio|track|embed|object|input|form|base|meta|use|image)"
    rf"(?=[\s/>])({_ATTRIBUTES})(?:>|\Z)"
    rf"|<[a-z!/?]({_ATTRIBUTES})(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(
    r"""([^\s=>/"']++)(?:\s*+=\s*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^\s>"'][^\s>]*+)))?+"""
)
_URL: Final = re.compile(
    r"""/\*.*?(?:\*/|\Z)"""
    r"""|url\(\s*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^\s)"']*+))"""
    r"""|@import\s++(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z))""",
    re.IGNORECASE | re.DOTALL,
)
# An address with a comma at its end has no width or density behind it.
_CANDIDATE: Final = re.compile(r"[\s,]*+(\S++)(?:(?<!,)[^,]*+)?+")
_LOC: Final = re.compile(r"<(?:\w+:)?loc>\s*+([^<]*+)", re.IGNORECASE)
_INDEX: Final = re.compile(r"<(?:\w+:)?sitemapindex[\s>]", re.IGNORECASE)
_REFRESH: Final = re.compile(r"\s*+[\d.]*+\s*+[;,]?\s*+(?:url\s*+=\s*+)?(.*)", re.I | re.DOTALL)
_CHARSET: Final = re.compile(r"""<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]+)""", re.I)
# Of each element, the attribute that refers to something, and what kind of thing.
_WHERE: Final[dict[str, tuple[tuple[str, Kind], ...]]] = {
    "a": (("href", "page"),),
    "area": (("href", "page"),),
    "iframe": (("src", "page"),),
    "img": (("src", "part"), ("srcset", "part")),
    "source": (("src", "part"), ("srcset", "part")),
    "video": (("src", "part"), ("poster", "part")),
    "audio": (("src", "part"),),
    "track": (("src", "part"),),
    "embed": (("src", "part"),),
    "object": (("data", "part"),),
    "input": (("src", "part"),),
    "script": (("src", "part"),),
    "use": (("href", "part"), ("xlink:href", "part")),
    "image": (("href", "part"), ("xlink:href", "part")),
}
_NOT_FETCHED: Final = frozenset({"preconnect", "dns-prefetch", "pingback", "webmention", "me"})
_PARTS: Final = frozenset({
    "stylesheet", "icon", "apple-touch-icon", "mask-icon", "manifest", "preload", "modulepreload",
    "prefetch", "alternate stylesheet",
})  # fmt: skip


def of_page(text: str) -> Iterator[Reference]:
    """The references of an HTML page, as they are written there but for ``&amp;`` and the like.

    Where the page has a ``<base>``, they are relative to the page all the same.
    """
    base: str | None = None
    for found in _TAG.finditer(text):
        name = found[1] or found[4]
        if name is None:
            if found[6] and "url(" in found[6]:
                yield from of_style(_attributes(found[6]).get("style", ""))
            continue
        name = name.lower()
        raw = found[2] if found[1] else found[5]
        if name == "style":
            yield from of_style(found[3])
            continue
        if not raw or name in ("textarea", "title", "noembed", "xmp"):
            continue
        attributes = _attributes(raw)
        if name == "base":
            base = base if base is not None else attributes.get("href")
            continue
        for reference in _of_tag(name, attributes):
            yield reference if base is None else _based(reference, base)


def _attributes(raw: str) -> dict[str, str]:
    """The attributes of a tag; of those that are there twice the first counts."""
    attributes: dict[str, str] = {}
    for name, double, single, plain in _ATTRIBUTE.findall(raw):
        value = double or single or plain
        attributes.setdefault(name.lower(), html.unescape(value) if "&" in value else value)
    return attributes


def _of_tag(name: str, attributes: dict[str, str]) -> Iterator[Reference]:
    if name == "link":
        yield from _of_link(attributes)
    elif name == "form":
        yield from _of_form(attributes)
    elif name == "meta":
        if attributes.get("http-equiv", "").lower() == "refresh":
            found = _REFRESH.fullmatch(attributes.get("content", ""))
            if found and found[1]:
                yield Reference(found[1].strip(" '\""), "page")
    else:
        for attribute, kind in _WHERE.get(name, ()):
            value = attributes.get(attribute)
            if value is None:
                continue
            if attribute == "srcset":
                yield from (Reference(one, kind) for one in _of_srcset(value))
            else:
                yield Reference(value, kind)
    if "style" in attributes:
        yield from of_style(attributes["style"])


def _of_link(attributes: dict[str, str]) -> Iterator[Reference]:
    relations = attributes.get("rel", "").lower().split()
    href = attributes.get("href")
    if href is None or _NOT_FETCHED.intersection(relations):
        return
    yield Reference(href, "part" if _PARTS.intersection(relations) else "page")


def _of_form(attributes: dict[str, str]) -> Iterator[Reference]:
    """One that only asks leads to a page; anything else needs somebody who answers."""
    method = attributes.get("method", "get").strip().lower()
    if method == "dialog":
        return
    yield Reference(attributes.get("action", ""), "form" if method == "post" else "page")


def _of_srcset(value: str) -> Iterator[str]:
    for found in _CANDIDATE.finditer(value):
        yield found[1].rstrip(",")


def _based(reference: Reference, base: str) -> Reference:
    try:
        return Reference(urljoin(base, reference.text), reference.kind)
    except ValueError:
        return reference


def of_style(text: str) -> Iterator[Reference]:
    """What a style sheet brings in."""
    for found in _URL.finditer(text):
        value = next(filter(None, found.groups()), None)
        if value:
            yield Reference(value, "part")


def canonical_of(text: str) -> str | None:
    """The address that a page says is its own, as it is written there."""
    for found in _TAG.finditer(text):
        if (found[4] or "").lower() == "link":
            attributes = _attributes(found[5])
            if "canonical" in attributes.get("rel", "").lower().split():
                return attributes.get("href")
    return None


def of_sitemap(text: str) -> tuple[tuple[str, ...], bool]:
    """The addresses that a sitemap lists, and whether those are sitemaps themselves."""
    found = (html.unescape(loc.strip()) for loc in _LOC.findall(text))
    return tuple(loc for loc in found if loc), bool(_INDEX.search(text))


def charset_of(head: bytes) -> str | None:
    """The charset that a page declares itself, in its first bytes."""
    found = _CHARSET.search(head[:1024].decode("latin-1"))
    return found[1].lower() if found else None
