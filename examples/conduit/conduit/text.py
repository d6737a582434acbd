"""Text: slugs, Markdown to safe HTML, reading time."""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import nh3
from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SLUG_LENGTH = 80
# "feed" would hide behind /api/articles/feed.
RESERVED_SLUGS = frozenset({"", "feed"})
WORDS_A_MINUTE = 220

# What Markdown makes, and nothing else. h1 is missing: a page has one, its title.
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_TABLES = ("table", "thead", "tbody", "tr", "th", "td")
_BLOCKS = ("p", "blockquote", "pre", "hr", "ul", "ol", "li", "br")
_INLINE = ("a", "code", "em", "img", "s", "strong")
_TAGS = {*_HEADINGS, *_TABLES, *_BLOCKS, *_INLINE}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_ALIGNED = {"class": {"align-left", "align-center", "align-right"}}


def slugify(title: str) -> str:
    """A readable name for the address of an article, "" when the title has no letter or digit."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    words = re.sub(r"[^\w]+|_+", "-", letters.replace("'", "").replace("’", ""))
    return words.strip("-")[:SLUG_LENGTH].rstrip("-")


def distinct(slug: str) -> str:
    """The slug with a random ending, for when the plain one is taken or reserved."""
    return f"{slug or 'article'}-{secrets.token_hex(3)}"


@lru_cache(maxsize=256)
def render_markdown(source: str) -> Markup:
    """Markdown as HTML that is safe to show, whatever its author typed.

    Two fences: the renderer takes no HTML from the source, and what it makes is sanitised again.
    """
    renderer = _renderer()
    tokens = renderer.parse(source)
    for token in tokens:
        _fit_the_page(token)
    html = renderer.renderer.render(tokens, renderer.options, {})
    return Markup(
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            tag_attribute_values={"td": _ALIGNED, "th": _ALIGNED},
            url_schemes={"http", "https", "mailto"},
            link_rel="nofollow noopener ugc",
        )
    )


def reading_minutes(source: str) -> int:
    """How long an article takes to read, in minutes, at least 1."""
    return max(1, round(len(source.split()) / WORDS_A_MINUTE))


def _fit_the_page(token: Token) -> None:
    """A heading never outranks the page's title; alignment becomes a class (no inline styles)."""
    if token.tag == "h1":
        token.tag = "h2"
    style = token.attrs.pop("style", None)
    if style is not None:
        token.attrs["class"] = "align-" + str(style).rpartition(":")[2]


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt  # on first use: keeps the start of a worker quick

    return MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(
        ["table", "strikethrough", "replacements", "smartquotes"]
    )
