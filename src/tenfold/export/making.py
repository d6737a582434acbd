"""An export from its beginning to its end: the app asked, answers written, links looked at."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Final, Protocol

from tenfold.errors import ExportError
from tenfold.export import folder, links, media, moves
from tenfold.export.abreast import Abreast
from tenfold.export.again import Made, SecondLook
from tenfold.export.crawl import Crawl, Landing
from tenfold.export.findings import Fault, Finding, Report, sorted_findings
from tenfold.export.folder import UNTOUCHED, Draft
from tenfold.export.moves import Move
from tenfold.export.paths import Site
from tenfold.export.places import HEADERS, REDIRECTS, place
from tenfold.export.renderer import Ended, Failed, Renderer, Start, Started
from tenfold.export.wishes import Wishes
from tenfold.wiring.rendering import RenderSettings

MOST_FAULTS: Final = 20
"""So many pages that fail are told at once; then it is given up."""
RAISED: Final = "raised"
"""What a page did of which there is a traceback."""
MOST_STYLE_BYTES: Final = 4 << 20
_READ: Final = frozenset({"text/html", "application/xhtml+xml", "text/css"})


class Listener(Protocol):
    """Who is told how it goes."""

    def doing(self, text: str) -> None:
        """This is done now."""

    def done(self, text: str, seconds: float) -> None:
        """This is done, and took so long."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported, and from where.

    ``assets`` are folders of the release by URL prefix, ``redirects`` those of the edge.
    ``twice`` looks at every page a second time; ``strict`` takes what is found for a failure.
    ``abreast`` processes with the app share the pages.
    """

    site: Site
    wishes: Wishes
    settings: RenderSettings
    start: Start
    assets: Mapping[str, Path] = field(default_factory=dict)
    redirects: tuple[Move, ...] = ()
    twice: bool = True
    strict: bool = False
    abreast: int = 1


def make(order: Order, draft: Draft, listener: Listener) -> tuple[Report, list[str]]:
    """Fill a folder; gives what to tell of it, and the names of its files.

    Raises:
        ExportError: a page cannot be exported, or with ``strict`` something was found.
    """
    work = _Work(order, draft, listener)
    work.copy_assets()
    began = monotonic()
    work.render()
    work.write_moves()
    report = work.report(monotonic() - began)
    require_strict(order.strict, report, UNTOUCHED)
    return report, work.crawl.places.names()


@dataclass(slots=True)
class _Page:
    """The page whose answer comes in."""

    landing: Landing | None = None
    status: int = 0
    file: BinaryIO | None = None
    parts: list[bytes] = field(default_factory=list)


class _Work:
    def __init__(self, order: Order, draft: Draft, listener: Listener) -> None:
        self.order = order
        self.draft = draft
        self.listener = listener
        self.crawl = Crawl(order.site, order.wishes, order.redirects)
        self.assets = 0
        self.answered = 0
        self.differing: list[str] = []

    def copy_assets(self) -> None:
        """The project's static files; what they bring in is looked at, and asked for, too."""
        began = monotonic()
        for url, source in sorted(self.order.assets.items()):
            for path, where in folder.assets(source, url):
                clash = self.crawl.places.claim(where, f"{url} of [static] assets")
                if clash is not None:
                    raise ExportError(f"{path.name} {clash}", changed=UNTOUCHED)
                self.draft.copy(path, where)
                self.assets += 1
        if self.assets:
            count = f"{self.assets:,} static file{'s' * (self.assets != 1)} copied"
            self.listener.done(count, monotonic() - began)

    def render(self) -> None:
        """Ask for every page there is, and once more."""
        order, began = self.order, monotonic()
        with ExitStack() as stack:
            second = None
            if order.twice:
                second = SecondLook(order.start, order.settings)
                stack.callback(second.give_up)
                second.start()
            self.listener.doing("starting the app")
            app = stack.enter_context(Abreast(order.start, order.settings, order.abreast))
            app.ready()
            started = monotonic()
            self.listener.done("the app has started, without a port", started - began)
            self._ask_all(app, second)
            self.crawl.finish()
            _require_no_faults(self.crawl)
            seconds = monotonic() - started
            rate = f", {self.answered / seconds:,.0f} a second" if self.answered >= 100 else ""
            self.listener.done(f"{self.answered:,} answers written{rate}", seconds)
            if second is not None:
                self._wait_for(second)

    def _ask_all(self, app: Abreast, second: SecondLook | None) -> None:
        while True:
            while app.room and (asked := self.crawl.next()) is not None:
                app.ask(asked)
            asked = app.asked
            if asked is None:
                return
            self._answer(app.answer(), asked, second)
            if self.crawl.too_many:
                raise _too_many(self.order.wishes.most_pages, asked)
            if len(self.crawl.faults) >= MOST_FAULTS:
                _require_no_faults(self.crawl)

    def _answer(self, renderer: Renderer, asked: str, second: SecondLook | None) -> None:
        page, deadline = _Page(), renderer.began()
        try:
            while True:
                match renderer.event(deadline):
                    case Started(head):
                        page.status = head.status
                        page.landing = self.crawl.began(asked, head)
                        if page.landing is not None:
                            page.file = self.draft.open(page.landing.place)
                    case Ended() as ended:
                        self._ended(asked, page, ended, second)
                        return
                    case Failed(what, detail):
                        self._failed(asked, what, detail)
                        return
                    case bytes() as part if page.file is not None and page.landing is not None:
                        self.draft.add(page.file, part)
                        if page.landing.content.type in _READ or self.crawl.is_sitemap(asked):
                            page.parts.append(part)
                    case _:
                        pass  # the body of an answer that is no file
        finally:
            if page.file is not None:
                page.file.close()

    def _ended(self, asked: str, page: _Page, ended: Ended, second: SecondLook | None) -> None:
        self.answered += 1
        self.listener.doing(f"{self.answered:,} answers, {self.crawl.waiting:,} to come: {asked}")
        if page.landing is None:
            self._add_what_was_said(asked, ended)
            return
        text = b"".join(page.parts).decode("utf-8", "replace")
        self.crawl.ended(asked, page.landing, _references(page.landing, text))
        if self.crawl.is_sitemap(asked):
            self.crawl.listed(asked, *links.of_sitemap(text))
        if second is not None:
            second.add(Made(asked, page.status, ended.sha256, monotonic()))

    def _is_told(self, asked: str) -> bool:
        """Whether the head of an answer was enough to tell what is wrong with it."""
        return bool(self.crawl.faults) and self.crawl.faults[-1].path == asked

    def _failed(self, asked: str, what: str, detail: str) -> None:
        """What the app raised behind a head that told of an error says more than that head."""
        if not self._is_told(asked):
            self.crawl.failed(asked, what, detail=detail)
        elif not self.crawl.faults[-1].detail and what == RAISED:
            last = self.crawl.faults.pop()
            self.crawl.faults.append(Fault(last.path, what, "", detail, last.linked))

    def _add_what_was_said(self, asked: str, ended: Ended) -> None:
        """What the app printed while it answered with an error is the best evidence there is."""
        faults = self.crawl.faults
        if self._is_told(asked) and ended.said and not faults[-1].detail:
            last = faults.pop()
            faults.append(Fault(last.path, last.what, last.next, ended.said, last.linked))

    def _wait_for(self, second: SecondLook) -> None:
        began = monotonic()
        self.listener.doing("making every page a second time, a little later")
        self.differing = second.finish()
        same = "the same" if not self.differing else f"{len(self.differing):,} of them different"
        self.listener.done(f"made a second time: {same}", monotonic() - began)

    def write_moves(self) -> None:
        """Redirects, as pages and as a list; types that names do not tell."""
        site, crawl = self.order.site, self.crawl
        told = [crawl.moves[origin] for origin in sorted(crawl.moves)]
        for move in told:
            where = place(move.origin, html=True)
            by_name = media.served_as(move.origin)
            if by_name in (media.UNKNOWN, "text/html"):
                clash = crawl.places.claim(where, f"the redirect of {move.origin}")
                if clash is None:
                    self.draft.write(where, moves.page(move, site))
                    continue
                reason = clash
            else:
                reason = f"a page of that name would be served as {by_name}"
            text = f"leads on only where the host reads {REDIRECTS}: {reason}"
            crawl.findings.append(Finding("note", move.origin, text))
        if told:
            self.draft.write(REDIRECTS, moves.listing(told, site).encode())
        if crawl.types:
            self.draft.write(HEADERS, moves.headers(crawl.types, site).encode())

    def report(self, seconds: float) -> Report:
        """What to tell."""
        crawl, site = self.crawl, self.order.site
        findings = list(crawl.findings)
        for path in self.differing:
            text = "something in it changes from one time to the next"
            findings.append(Finding("differs", path, text))
        if not site.known:
            text = f"is not given: whole addresses in pages begin with {site.origin}"
            findings.append(Finding("note", "[static] url", text))
        return Report(
            pages=crawl.pages,
            others=crawl.others,
            assets=self.assets,
            redirects=len(crawl.moves),
            files=self.draft.files,
            bytes=self.draft.bytes,
            not_found=crawl.not_found,
            looked_twice=self.order.twice,
            seconds=seconds,
            findings=sorted_findings(findings),
        )


def _references(landing: Landing, text: str) -> list[links.Reference]:
    if landing.content.html:
        return list(links.of_page(text))
    if landing.content.type == "text/css" and len(text) <= MOST_STYLE_BYTES:
        return list(links.of_style(text))
    return []


def _require_no_faults(crawl: Crawl) -> None:
    if not crawl.faults:
        return
    lines = []
    for fault in crawl.faults[:MOST_FAULTS]:
        lines.append(f"{fault.path} {fault.what}")
        lines.extend(f"  {text}" for text in (fault.linked, fault.next) if text)
        lines.extend(f"    {line}" for line in fault.detail.splitlines())
    first, count = crawl.faults[0], len(crawl.faults)
    more = f", and {count - 1} more cannot be exported" if count > 1 else ""
    raise ExportError(
        f"{first.path} {first.what}{more}",
        detail="\n".join(lines if count > 1 else lines[1:]),
        changed=UNTOUCHED,
        next=first.next or f'correct it, or leave it out: exclude = ["{first.path}"]',
    )


def _too_many(most: int, asked: str) -> ExportError:
    return ExportError(
        f"there are more than {most:,} pages, the last was linked from {asked}",
        changed=UNTOUCHED,
        next="a calendar or a filter may link to pages without end: exclude it\n"
        "[static] max_pages = N    if there are really so many",
    )


def require_strict(strict: bool, report: Report, changed: str) -> None:
    """See that there is nothing to look at, where that is wanted.

    Args:
        strict: whether it is.
        report: what was found.
        changed: what is different when it is not let pass.

    Raises:
        ExportError: there is.
    """
    if not strict or not report.problems:
        return
    lines = [
        f"{f.subject} {f.text}" + (f"  ({', '.join(f.sources)})" if f.sources else "")
        for f in report.problems[:MOST_FAULTS]
    ]
    count = len(report.problems)
    raise ExportError(
        f"{count:,} thing{'s' * (count != 1)} to look at, and --strict lets none pass",
        detail="\n".join(lines),
        changed=changed,
        next="correct them, or export without --strict",
    )


def site_of(url: str | None, domain: str | None) -> Site:
    """Where the site will be: the address that is given, else the edge's name, else a stand-in."""
    if url is None:
        return Site("https", domain) if domain else Site("http", "localhost", known=False)
    scheme, _, rest = url.partition("://")
    host, _, prefix = rest.partition("/")
    return Site(scheme.lower(), host.lower(), f"/{prefix.strip('/')}" if prefix.strip("/") else "")
