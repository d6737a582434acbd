"""Who links to what: kept while pages are made, judged when all of them are. Pure.

Memory is in proportion to the number of different targets, not to that of links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tenfold.export import paths
from tenfold.export.findings import Finding, Kind, Sources
from tenfold.export.links import Reference
from tenfold.export.paths import Link, Site

MOST_ODD: Final = 1000
"""Of links that are wrong by themselves, how many different ones are kept."""


@dataclass(slots=True)
class Ledger:
    """``linked`` has every path of this site that a page, a sitemap or a redirect names."""

    linked: dict[str, Sources] = field(default_factory=dict)
    queried: dict[str, Sources] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    _odd: dict[tuple[Kind, str, str], Sources] = field(default_factory=dict)

    def link(self, key: str, page: str) -> bool:
        """A page names a path; whether it is the first to do so."""
        sources = self.linked.get(key)
        first = sources is None
        if sources is None:
            sources = self.linked[key] = Sources()
        sources.add(page)
        return first

    def refer(
        self,
        at: str,
        reference: Reference,
        site: Site,
        relative: Callable[[str, str, Link], None] | None,
    ) -> tuple[Link, bool] | None:
        """A page has a reference; the path of this site that it leads to, if it is a sound one.

        Args:
            at: the page.
            reference: what it has.
            site: where both will be.
            relative: told of references that mean something else where the page will be shown;
                ``None`` where it is shown at its own address.

        Returns:
            The link, and whether it is the first to there.
        """
        link = paths.resolve(reference.text, at, site)
        if reference.kind == "form":
            if link is not None or not reference.text:
                action = link.asked if link is not None else at
                self.odd("form", action, "posts to where no app is", at)
            return None
        if link is None:
            return None
        if relative is not None and not reference.text.startswith("/"):
            relative(at, reference.text, link)
        if link.fault is not None:
            self.odd("broken", reference.text, link.fault, at)
            return None
        if link.query:
            self.query(link.key, at)
        return link, self.link(link.key, at)

    def query(self, key: str, page: str) -> None:
        """It does so with a query."""
        self.queried.setdefault(key, Sources()).add(page)

    def odd(self, kind: Kind, subject: str, text: str, page: str) -> None:
        """Something on a page is wrong whatever else there is."""
        found = (kind, subject[:300], text)
        if found in self._odd or len(self._odd) < MOST_ODD:
            self._odd.setdefault(found, Sources()).add(page)

    def findings(
        self,
        is_made: Callable[[str], bool],
        is_page: Callable[[str], bool],
        why: Callable[[str], str],
    ) -> Iterator[Finding]:
        """What leads nowhere, now that it is known what there is."""
        for key, sources in self.linked.items():
            if not is_made(key):
                missing = self.missing.get(key)
                text = why(key) if missing is None else f"answers {missing}"
                yield _finding("broken", key, text, sources)
        for key, sources in self.queried.items():
            if is_page(key):
                yield _finding("query", f"{key}?...", f"leads to {key} as it is", sources)
        for (kind, subject, text), sources in self._odd.items():
            yield _finding(kind, subject, text, sources)


def _finding(kind: Kind, subject: str, text: str, sources: Sources) -> Finding:
    return Finding(kind, subject, text, tuple(sources.pages), sources.count)
