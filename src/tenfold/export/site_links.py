"""What the pages of a site that lies in a folder lead to. Pure: texts in, findings out.

A page is known by the address at which hosts serve it: ``a/index.html`` at ``/a/``, ``b.html`` at
``/b.html``, and by many at ``/b``. Memory is in proportion to the number of different targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tenfold.export import links, paths
from tenfold.export.findings import Finding
from tenfold.export.ledger import Ledger
from tenfold.export.paths import Link, Site
from tenfold.export.places import NOT_FOUND, REDIRECTS

INDEX: Final = "index.html"
SITEMAP: Final = "sitemap.xml"
_ANYWHERE: Final = "/any/where/"


def address(place: str) -> str:
    """Where hosts serve a file."""
    if place == INDEX or place.endswith(f"/{INDEX}"):
        return f"/{place.removesuffix(INDEX)}"
    return f"/{place}"


def said_site(index: str, sitemap: str) -> str | None:
    """Where a site's own pages say that it is: the canonical link of its first page, else what all
    addresses of its sitemap begin with. ``None`` where they say nothing.
    """
    canonical = links.canonical_of(index)
    if canonical is not None and _is_whole(canonical):
        return canonical.rstrip("/")
    listed = sorted(filter(_is_whole, links.of_sitemap(sitemap)[0]), key=len)
    if listed and all(one.startswith(listed[0].rstrip("/")) for one in listed):
        return listed[0].rstrip("/")
    return None


def _is_whole(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.query


@dataclass(slots=True)
class SiteLinks:
    """The links of a site; ``files`` are all of its files, ``told`` whether the file says where the
    site will be, or nobody does."""

    site: Site
    files: frozenset[str]
    told: bool = True
    _ledger: Ledger = field(default_factory=Ledger)
    _moved: list[str] = field(default_factory=list)

    def page(self, place: str, text: str) -> None:
        """A page, as it is written."""
        at = address(place)
        relative = self._relative if place == NOT_FOUND else None
        for reference in links.of_page(text):
            self._ledger.refer(at, reference, self.site, relative)

    def style(self, place: str, text: str) -> None:
        """A style sheet."""
        for reference in links.of_style(text):
            self._ledger.refer(address(place), reference, self.site, None)

    def sitemap(self, place: str, text: str) -> None:
        """What lists pages, or other such lists."""
        at = address(place)
        for location in links.of_sitemap(text)[0]:
            link = paths.resolve(location, at, self.site)
            if link is not None and link.fault:
                self._ledger.odd("broken", location, link.fault, at)
            elif link is not None:
                self._ledger.link(link.key, at)

    def redirects(self, text: str) -> None:
        """The lines of ``_redirects``: what a host answers although there is no file."""
        for line in text.splitlines():
            first = line.split()[:1]
            if first and first[0].startswith("/"):
                self._moved.append(first[0])

    def findings(self) -> Iterator[Finding]:
        """What leads nowhere, now that all of it is read."""
        below: set[str] = set()
        for finding in self._ledger.findings(self._is_there, self._is_page, self._why):
            first, _, rest = finding.subject.removeprefix("/").partition("/")
            if finding.kind == "broken" and rest and self._is_there(f"/{rest}"):
                below.add(first)
            yield finding
        yield from self._without_ending()
        if len(below) == 1 and not self.told:
            text = (
                f"is not given, and pages link to /{below.pop()}/...: if the site will be below "
                "that path, say so, with its host before it"
            )
            yield Finding("note", "[static] url", text)

    def _without_ending(self) -> Iterator[Finding]:
        """Pages that links name without ``.html``, as one note."""
        short = sorted(
            key
            for key in self._ledger.linked
            if self._file_of(key) is None and f"{key.lstrip('/')}.html" in self.files
        )
        if not short:
            return
        first, count = short[0], len(short) - 1
        more = f", and {count:,} more so" if count else ""
        text = (
            f"is {first.lstrip('/')}.html{more}: GitHub Pages and Netlify find it without its "
            "ending, a bucket does not"
        )
        sources = self._ledger.linked[first]
        yield Finding("note", first, text, tuple(sources.pages), sources.count)

    def _relative(self, at: str, text: str, link: Link) -> None:
        """The page for what is not there is shown at any address."""
        there = paths.resolve(text, _ANYWHERE, self.site)
        if there is not None and there.key != link.key:
            says = f"leads to {there.key} where the page is shown for what is missing elsewhere"
            self._ledger.odd("relative", text, says, at)

    def _file_of(self, key: str) -> str | None:
        name = key.lstrip("/")
        index = f"{name}/{INDEX}".lstrip("/")
        return next((found for found in (name, index) if found in self.files), None)

    def _is_there(self, key: str) -> bool:
        return (
            self._file_of(key) is not None
            or f"{key.lstrip('/')}.html" in self.files
            or any(paths.matches(pattern, key) for pattern in self._moved)
        )

    def _is_page(self, key: str) -> bool:
        found = self._file_of(key) or f"{key.lstrip('/')}.html"
        return found in self.files and found.endswith((".html", ".htm"))

    @staticmethod
    def _why(key: str) -> str:
        return "is no file of the site"


def reads(place: str) -> bool:
    """Whether what a file holds may lead somewhere."""
    return place.endswith((".html", ".htm", ".css")) or place in (SITEMAP, REDIRECTS)


def same_site(one: str, other: str) -> bool:
    """Whether two addresses of a site are the same but for the slash at their end."""
    return one.rstrip("/").lower() == other.rstrip("/").lower()
