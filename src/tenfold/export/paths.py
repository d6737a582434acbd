"""Paths of a site: which ones can be exported, and what a link on a page leads to. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from tenfold.spec.site_path import MOST_PATH_BYTES, fault, unescaped

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_IGNORED = re.compile("[\t\r\n]")
_SAFE: Final = "/~!$&'()*+,;=:@-._"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the site will be: ``https://example.org``, with ``/docs`` as its prefix if it is not at
    the top of its host. ``known`` tells whether that was given, or is a stand-in."""

    scheme: str
    host: str
    prefix: str = ""
    known: bool = True

    @property
    def origin(self) -> str:
        """Without the prefix."""
        return f"{self.scheme}://{self.host}"

    def url(self, path: str) -> str:
        """The whole address of a path of the app's."""
        return f"{self.origin}{self.prefix}{escaped(path)}"


@dataclass(frozen=True, slots=True)
class Link:
    """What a reference leads to on this site: a path of the app's, see :func:`key`.

    ``asked`` is the path with its slash at the end, if it has one. ``query`` tells that it had one;
    ``fault`` says why it can lead nowhere.
    """

    asked: str
    query: bool = False
    fault: str | None = None

    @property
    def key(self) -> str:
        """See :func:`key`."""
        return key(self.asked)


def key(path: str) -> str:
    """What a path is known by: ``/about`` and ``/about/`` are one page of a static site."""
    return path.rstrip("/") or "/"


def escaped(path: str) -> str:
    """A path as it stands in a URL."""
    return quote(path, safe=_SAFE)


def resolve(reference: str, base: str, site: Site) -> Link | None:
    """What a reference on the page at ``base`` (a path of the app's) leads to.

    ``None`` where that is elsewhere, or no page at all (``mailto:``, ``#top``).
    """
    if reference[:1] == "/":  # most are, and it does not matter on which page they are
        return _resolved(reference, "/", site)
    return _resolved(reference, base, site)


@lru_cache(maxsize=8192)
def _resolved(reference: str, base: str, site: Site) -> Link | None:
    text = _IGNORED.sub("", reference).strip(" \x0c\x00")
    plain = text.startswith("/") and not text.startswith("//") and "/." not in text
    if not plain:
        found = _joined(text, base, site)
        if not isinstance(found, str):
            return found
        text = found
    text, _, _ = text.partition("#")
    path, _, query = text.partition("?")
    if site.prefix:
        if path != site.prefix and not path.startswith(f"{site.prefix}/"):
            return Link(path, fault=f"leads out of {site.prefix}, where the site is")
        path = path.removeprefix(site.prefix) or "/"
    clear = unescaped(path)
    if clear is None:
        return Link(path, fault="is not UTF-8")
    return Link(clear, query=bool(query), fault=fault(clear))


def _joined(text: str, base: str, site: Site) -> str | Link | None:
    """Path and query below this site's origin of a reference of any other form."""
    if text == "" or text.startswith("#"):
        return None
    if _SCHEME.match(text) and not text.lower().startswith(("http:", "https:")):
        return None
    try:
        whole = urlsplit(urljoin(site.url(base), text))
        own = whole.scheme in ("http", "https") and whole.netloc.lower() == site.host.lower()
    except ValueError:
        return Link(text[:MOST_PATH_BYTES], fault="is no address")
    if not own:
        return None
    return (whole.path or "/") + (f"?{whole.query}" if whole.query else "")


def matches(pattern: str, path: str) -> bool:
    """Whether a path is one of a pattern's, in which ``*`` stands for any number of characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return key(path) == key(pattern)
    if not path.startswith(first):
        return False
    at = len(first)
    *middle, last = rest
    for part in middle:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return path.endswith(last) and len(path) - len(last) >= at
