"""What an export finds out about a site: faults, of which one is enough, and what to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["broken", "query", "form", "relative", "differs", "type", "pattern", "note"]

MOST_SOURCES: Final = 3
"""How many of the pages that have a link are named."""
WORDS: Final[dict[Kind, tuple[str, str]]] = {
    "broken": ("link to what is not exported", "links to what is not exported"),
    "query": (
        "link with a query, which a static host ignores",
        "links with a query, which a static host ignores",
    ),
    "form": ("form that nobody will answer", "forms that nobody will answer"),
    "relative": (
        "relative link that changes its meaning",
        "relative links that change their meaning",
    ),
    "differs": (
        "page that is different when it is made again",
        "pages that are different when they are made again",
    ),
    "type": (
        "file that hosts serve under another type",
        "files that hosts serve under another type",
    ),
    "pattern": ("pattern that no page matches", "patterns that no page matches"),
    "note": ("note", "notes"),
}


@dataclass(slots=True)
class Sources:
    """Which pages have a link, some of them by name."""

    pages: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, page: str) -> None:
        """One more; a page that was the last to be named is not counted again."""
        if self.pages and self.pages[-1] == page:
            return
        self.count += 1
        if len(self.pages) < MOST_SOURCES:
            self.pages.append(page)

    def __str__(self) -> str:
        named = ", ".join(self.pages)
        more = self.count - len(self.pages)
        return f"{named} and {more:,} more" if more > 0 else named


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at; ``subject`` is a path or a pattern, ``text`` says more."""

    kind: Kind
    subject: str
    text: str
    sources: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a page cannot be exported. ``detail`` is evidence, such as a traceback."""

    path: str
    what: str
    next: str = ""
    detail: str = ""
    linked: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What an export amounts to.

    ``pages`` are HTML pages, ``others`` what else the app answered, or a generator wrote;
    ``assets`` files of the project, ``redirects`` those of the app and of the edge. ``seconds`` is
    the time for rendering, or for copying what a generator wrote.
    """

    pages: int
    others: int
    assets: int
    redirects: int
    files: int
    bytes: int
    not_found: bool
    looked_twice: bool
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What ``--strict`` does not let pass."""
        return tuple(f for f in self.findings if f.kind not in ("note", "pattern"))

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """Those of a kind."""
        return tuple(f for f in self.findings if f.kind == kind)


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In the order in which they are told."""
    order = list(WORDS)
    return tuple(sorted(findings, key=lambda f: (order.index(f.kind), f.subject)))
