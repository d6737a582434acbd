"""Which paths are asked, and what becomes of the answers: the whole export as a pure machine.

Whoever acts asks for :meth:`Crawl.next`, gives the heads and bodies of answers back in the same
order, and writes what :meth:`Crawl.began` names a place for. Every path is asked once, or once more
with a slash at its end where the app insists on that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from tenfold.export import answers, links, media, moves, paths, places
from tenfold.export.findings import Fault, Finding
from tenfold.export.ledger import Ledger
from tenfold.export.moves import Move
from tenfold.export.paths import Link, Site
from tenfold.export.wishes import Wishes

NOT_FOUND: Final = "/404.html"
"""What is asked for the page that tells of a missing one: hosts serve the file of this name."""
ONE_PAGE: Final = "have one of them answer with a page"


@dataclass(frozen=True, slots=True)
class Landing:
    """Where an answer goes, and what it is."""

    place: str
    content: answers.Content


@dataclass(slots=True)
class Crawl:
    """The state of an export; ``redirects`` are the edge's, ``places`` get the project's own files
    before anything is asked."""

    site: Site
    wishes: Wishes
    redirects: tuple[Move, ...] = ()
    places: places.Places = field(default_factory=places.Places)
    moves: dict[str, Move] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    pages: int = 0
    others: int = 0
    not_found: bool = False
    too_many: bool = False
    _queue: deque[str] = field(default_factory=deque)
    _known: set[str] = field(default_factory=set)
    _made: set[str] = field(default_factory=set)
    _html: set[str] = field(default_factory=set)
    _respelt: set[str] = field(default_factory=set)
    _sitemaps: set[str] = field(default_factory=set)
    _matched: set[str] = field(default_factory=set)
    _named: set[str] = field(default_factory=set)
    _ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        for own in places.OWN:
            self.places.claim(own, "the export itself")
        # The edge's own redirects come first: the app is not asked there.
        self._known.update(move.origin for move in self.redirects)
        for page in self.wishes.named:
            self._named.add(paths.key(page))
            self._want(page)
        if self.wishes.sitemap:
            self._sitemaps.add(paths.key(self.wishes.sitemap))
            self._want(self.wishes.sitemap)
        for move in self.redirects:
            self._keep(move)
            if move.inside:
                self._ledger.link(paths.key(move.to), f"the redirect of {move.origin}")
                self._want(move.to)
        self._want(NOT_FOUND)

    def next(self) -> str | None:
        """The next path to ask for, if there is one by now."""
        return self._queue.popleft() if self._queue else None

    @property
    def waiting(self) -> int:
        """How many are to be asked still."""
        return len(self._queue)

    def began(self, asked: str, head: answers.Head) -> Landing | None:
        """An answer begins; where it goes, or ``None`` for an answer without a file."""
        if asked == NOT_FOUND:
            return self._not_found(head)
        verdict = answers.judge(head, asked)
        if isinstance(verdict, answers.Content):
            return self._content(asked, verdict)
        if isinstance(verdict, answers.Moved):
            self._moved(asked, verdict)
        elif isinstance(verdict, answers.Missing):
            self._is_missing(asked, verdict.status)
        else:
            self.failed(asked, verdict.what, next=verdict.next)
        return None

    def is_sitemap(self, asked: str) -> bool:
        """Whether what this path answers lists pages."""
        return paths.key(asked) in self._sitemaps

    def ended(self, asked: str, landing: Landing, references: Iterable[links.Reference]) -> None:
        """A file is whole, and refers to these."""
        if asked != NOT_FOUND:
            self._made.add(paths.key(asked))
            if landing.content.html:
                self.pages += 1
                self._html.add(paths.key(asked))
            else:
                self.others += 1
        respelt = not asked.endswith("/") and landing.place.endswith("/index.html")
        relative = self._relative if respelt or asked == NOT_FOUND else None
        for reference in references:
            found = self._ledger.refer(asked, reference, self.site, relative)
            if found is not None and found[1]:
                self._met(found[0], reference.kind)

    def listed(self, asked: str, locations: Iterable[str], index: bool) -> None:
        """A sitemap lists these addresses, which are sitemaps themselves if it is an ``index``."""
        others = set()
        for location in locations:
            link = paths.resolve(location, asked, self.site)
            if link is None:
                others.add(location.partition("://")[2].partition("/")[0])
            elif link.fault or link.query:
                self._ledger.odd("broken", location, link.fault or "has a query", asked)
            elif not self._excluded(link.key):
                if index:
                    self._sitemaps.add(link.key)
                self._ledger.link(link.key, asked)
                self._patterns_of(link.key)
                self._want(link.asked)
        for host in sorted(others)[:3]:
            text = f"lists pages of {host[:80]}; this site is {self.site.host}"
            self.findings.append(Finding("note", asked, text))

    def failed(self, asked: str, what: str, *, detail: str = "", next: str = "") -> None:
        """A page cannot be exported."""
        key = paths.key(asked)
        if asked == NOT_FOUND and key not in self._named:
            text = f"the app's page for what is not there {what}: hosts show their own"
            self.findings.append(Finding("note", asked, text))
            return
        linked = self._ledger.linked.get(key)
        source = "" if key in self._named or linked is None else f"linked from {linked}"
        self.faults.append(Fault(asked, what, next, detail, source))

    def _want(self, asked: str) -> None:
        key = paths.key(asked)
        if key in self._known:
            return
        if len(self._known) >= self.wishes.most_pages:
            self.too_many = True
            return
        self._known.add(key)
        self._queue.append(asked)

    def _excluded(self, key: str) -> bool:
        return any(paths.matches(pattern, key) for pattern in self.wishes.exclude)

    def _content(self, asked: str, content: answers.Content) -> Landing | None:
        try:
            place = places.place(asked, html=content.html)
        except ValueError as error:
            self.failed(asked, str(error))
            return None
        clash = self.places.claim(place, asked)
        if clash is not None:
            self.failed(asked, clash, next="rename one of them, or leave one out with exclude")
            return None
        self._compare_types(asked, place, content)
        return Landing(place, content)

    def _compare_types(self, asked: str, place: str, content: answers.Content) -> None:
        served = media.served_as(place)
        if not media.alike(served, content.type):
            self.types[asked] = content.type
            text = f"is {content.type}; by its name a host takes it for {served}"
            self.findings.append(Finding("type", asked, text))
        elif content.charset not in (None, "utf-8", "utf8", "us-ascii") and (
            content.type.startswith("text/")
        ):
            text = f"is in {content.charset}; hosts say that texts are in UTF-8"
            self.findings.append(Finding("type", asked, text))

    def _not_found(self, head: answers.Head) -> Landing | None:
        """The app's own page for what is not there; an app need not have one."""
        content = media.bare(head.headers.get("content-type", ""))
        if head.status not in (200, 404) or content not in media.HTML or head.cookies:
            why = "sets a cookie there" if head.cookies else f"answers {head.status}, {content}"
            text = f"the app has no page for what is not there (it {why}): hosts show their own"
            self.findings.append(Finding("note", NOT_FOUND, text))
            return None
        self.not_found = True
        if self.places.claim(places.NOT_FOUND, NOT_FOUND) is not None:
            return None  # the project has one among its static files
        return Landing(places.NOT_FOUND, answers.Content(content, None))

    def _moved(self, asked: str, moved: answers.Moved) -> None:
        key, location = paths.key(asked), moved.location[:200]
        link = paths.resolve(moved.location, asked, self.site)
        if link is None:
            self._moved_away(asked, moved)
        elif link.fault is not None:
            self.failed(asked, f"redirects to {location}, which {link.fault}")
        elif link.key == key and link.asked != asked and key not in self._respelt:
            self._respelt.add(key)  # /about wants to be /about/: the same file
            self._queue.appendleft(link.asked)
        elif link.key == key:
            self.failed(asked, f"redirects in a loop: {asked} -> {location}", next=ONE_PAGE)
        elif link.query:
            what = f"redirects to {location}: a static host ignores what is behind ?"
            self.failed(asked, what, next="redirect to a path")
        else:
            self._keep(Move(key, link.asked, moved.status, inside=True))
            self._ledger.link(link.key, asked)
            self._want(link.asked)

    def _moved_away(self, asked: str, moved: answers.Moved) -> None:
        whole = urljoin(self.site.url(asked), moved.location)
        if paths.resolve(whole, asked, self.site) is None and whole.startswith(("http:", "https:")):
            self._keep(Move(paths.key(asked), whole, moved.status, inside=False))
        else:
            self.failed(asked, f"redirects in a loop: {asked} -> {whole[:200]}", next=ONE_PAGE)

    def _keep(self, move: Move) -> None:
        self.moves[move.origin] = move
        self._made.add(move.origin)

    def _is_missing(self, asked: str, status: int) -> None:
        if paths.key(asked) in self._named or asked == self.wishes.sitemap:
            next = f"correct [static] in tenfold.toml, or the route of {asked}"
            self.failed(asked, f"answers {status}: there is no such page", next=next)
            return
        self._ledger.missing[paths.key(asked)] = status

    def _met(self, link: Link, kind: links.Kind) -> None:
        """A path was named for the first time: is it one to be exported as well?"""
        key = link.key
        if self._is_file(key) or self._excluded(key):
            return
        if self._patterns_of(key) or kind == "part" or self.wishes.follow:
            self._want(link.asked)

    def _patterns_of(self, key: str) -> bool:
        """Whether a path is one of a pattern's; notes which."""
        matched = [p for p in self.wishes.patterns if paths.matches(p, key)]
        self._matched.update(matched)
        return bool(matched)

    def _is_file(self, key: str) -> bool:
        """Whether a file of the project's answers it."""
        name = key.lstrip("/")
        return name in self.places or f"{name}/index.html".lstrip("/") in self.places

    def _is_made(self, key: str) -> bool:
        return key in self._made or self._is_file(key)

    def _relative(self, asked: str, text: str, link: Link) -> None:
        base = f"{asked}/" if asked != NOT_FOUND else "/any/where/"
        there = paths.resolve(text, base, self.site)
        if there is not None and there.key != link.key:
            where = f"at {base}" if asked != NOT_FOUND else "shown for what is missing elsewhere"
            says = f"leads to {link.key} in the app, to {there.key} where the page is {where}"
            self._ledger.odd("relative", text, says, asked)

    def finish(self) -> None:
        """All is asked: what leads nowhere, and what leads round."""
        found = self._ledger.findings(self._is_made, self._html.__contains__, self._why)
        self.findings.extend(found)
        for pattern in self.wishes.patterns:
            if pattern not in self._matched:
                text = "no link and no sitemap names such a page"
                self.findings.append(Finding("pattern", pattern, text))
        told: set[str] = set()
        for origin in self.moves:
            way = moves.loop(self.moves, origin)
            if way is not None and told.isdisjoint(way):
                told.update(way)
                self.failed(origin, f"redirects in a loop: {' -> '.join(way[:6])}", next=ONE_PAGE)

    def _why(self, key: str) -> str:
        if self._excluded(key):
            return "is excluded"
        return "is no page" if key in self._known else "is not among [static] pages"
