"""The whole export as a machine, with an app that is a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.export import links
from tenfold.export.answers import Head
from tenfold.export.crawl import NOT_FOUND, Crawl
from tenfold.export.findings import Finding
from tenfold.export.moves import Move
from tenfold.export.paths import Site
from tenfold.export.wishes import Wishes

SITE = Site("https", "example.org")


@dataclass(frozen=True)
class Answer:
    body: str = ""
    status: int = 200
    type: str = "text/html"
    to: str = ""
    cookies: tuple[str, ...] = ()


App = Mapping[str, Answer]


def page(*hrefs: str, more: str = "") -> Answer:
    return Answer("".join(f'<a href="{href}">x</a>' for href in hrefs) + more)


def run(app: App, crawl: Crawl) -> dict[str, str]:
    """Ask until nothing is left; gives what was written, by place."""
    written = {}
    while (asked := crawl.next()) is not None:
        answer = app.get(asked, Answer("gone", 404))
        headers = {"content-type": answer.type} | ({"location": answer.to} if answer.to else {})
        landing = crawl.began(asked, Head(answer.status, headers, answer.cookies))
        if landing is None:
            continue
        written[landing.place] = answer.body
        found = links.of_page(answer.body) if landing.content.html else ()
        crawl.ended(asked, landing, found)
        if crawl.is_sitemap(asked):
            crawl.listed(asked, *links.of_sitemap(answer.body))
    crawl.finish()
    return written


def export(app: App, *pages: str, **more: object) -> tuple[dict[str, str], Crawl]:
    crawl = Crawl(SITE, Wishes(pages, **more))  # type: ignore[arg-type]
    return run(app, crawl), crawl


def told(crawl: Crawl, kind: str) -> list[Finding]:
    return [f for f in crawl.findings if f.kind == kind]


def test_named_pages_are_written_and_links_to_others_told_with_who_has_them() -> None:
    app = {"/": page("/about", "/blog", "/blog"), "/about": page("/", "/blog")}
    written, crawl = export(app, "/", "/about")
    assert set(written) == {"index.html", "about/index.html", "404.html"}
    [broken] = told(crawl, "broken")
    assert (broken.subject, broken.sources, broken.count) == ("/blog", ("/", "/about"), 2)
    assert crawl.faults == []
    assert crawl.pages == 2


def test_follow_goes_wherever_links_lead_but_not_where_it_is_told_not_to() -> None:
    app = {"/": page("/a", "/admin/x"), "/a": page("/b/"), "/b/": page("/gone")}
    written, crawl = export(app, "/", follow=True, exclude=("/admin/*",))
    assert set(written) == {"index.html", "a/index.html", "b/index.html", "404.html"}
    assert {(f.subject, f.text) for f in told(crawl, "broken")} == {
        ("/admin/x", "is excluded"), ("/gone", "answers 404"),
    }  # fmt: skip


def test_a_pattern_takes_what_is_linked_and_matches_and_says_when_nothing_does() -> None:
    app = {"/": page("/blog/1", "/shop/1"), "/blog/1": page("/blog/2"), "/blog/2": page()}
    written, crawl = export(app, "/", "/blog/*", "/docs/*")
    assert {"blog/1/index.html", "blog/2/index.html"} < set(written)
    assert [f.subject for f in told(crawl, "broken")] == ["/shop/1"]
    assert [f.subject for f in told(crawl, "pattern")] == ["/docs/*"]


def test_what_a_page_shows_comes_along_without_being_asked_for() -> None:
    app = {
        "/": page(more="<img src=/i.png><link rel=stylesheet href='/a.css?v=3'>"),
        "/i.png": Answer("png", type="image/png"),
        "/a.css": Answer("", type="text/css"),
    }
    written, crawl = export(app, "/")
    assert {"i.png", "a.css"} < set(written)
    assert crawl.others == 2
    assert told(crawl, "query") == told(crawl, "broken") == []


def test_static_files_of_the_project_are_not_asked_of_the_app() -> None:
    crawl = Crawl(SITE, Wishes(("/",)))
    assert crawl.places.claim("static/app.css", "/static") is None
    app = {"/": page("/static/app.css", more="<link rel=stylesheet href=/static/no.css>")}
    written = run(app, crawl)
    assert "static/app.css" not in written
    assert [f.subject for f in told(crawl, "broken")] == ["/static/no.css"]


def test_slashes_at_the_end_are_one_page_whatever_the_app_insists_on() -> None:
    app = {"/about": Answer(status=301, to="/about/"), "/about/": page("/about")}
    written, crawl = export(app, "/about")
    assert "about/index.html" in written
    assert crawl.moves == {}
    assert told(crawl, "broken") == []


def test_redirects_are_kept_and_what_they_lead_to_is_exported() -> None:
    app = {
        "/old": Answer(status=301, to="https://example.org/new"),
        "/new": page(),
        "/away": Answer(status=303, to="//other.org/x"),
    }
    written, crawl = export(app, "/old", "/away")
    assert "new/index.html" in written
    assert crawl.moves["/old"] == Move("/old", "/new", 301, inside=True)
    assert crawl.moves["/away"] == Move("/away", "https://other.org/x", 302, inside=False)


def test_redirects_of_the_edge_come_before_the_app() -> None:
    crawl = Crawl(SITE, Wishes(("/", "/old")), (Move("/old", "/new", 308, inside=True),))
    written = run({"/": page("/old"), "/old": page(), "/new": page()}, crawl)
    assert "old/index.html" not in written
    assert "new/index.html" in written
    assert told(crawl, "broken") == []


@pytest.mark.parametrize(
    "app",
    [
        {"/a": Answer(status=302, to="/b"), "/b": Answer(status=302, to="/a")},
        {"/a": Answer(status=302, to="/a")},
        {"/a": Answer(status=302, to="/a/"), "/a/": Answer(status=302, to="/a")},
        {"/a": Answer(status=302, to="#top")},
    ],
)
def test_a_loop_is_a_fault(app: App) -> None:
    _, crawl = export(app, "/a")
    assert len(crawl.faults) == 1
    assert "in a loop" in crawl.faults[0].what


@pytest.mark.parametrize(
    ("app", "why"),
    [
        ({"/a": Answer(cookies=("sid",))}, "sets a cookie"),
        ({"/a": Answer(status=302, to="/login?next=/a")}, "needs a login"),
        ({"/a": Answer(status=302, to="/b?x=1")}, "ignores what is behind"),
        ({"/a": Answer(status=302, to="/%2e%2e/x")}, "leave the folder"),
        ({"/a": Answer(status=500)}, "answers 500"),
        ({}, "no such page"),
    ],
)
def test_a_page_that_cannot_be_a_file_is_a_fault(app: App, why: str) -> None:
    _, crawl = export(app, "/a")
    [fault] = crawl.faults
    assert fault.path == "/a"
    assert why in fault.what


def test_a_fault_of_a_page_that_was_only_linked_says_by_whom() -> None:
    _, crawl = export({"/": page("/in"), "/in": Answer(cookies=("sid",))}, "/", follow=True)
    assert crawl.faults[0].linked == "linked from /"


def test_pages_that_some_file_system_takes_for_one_clash() -> None:
    app = {"/": page("/About", "/about"), "/About": page(), "/about": page()}
    _, crawl = export(app, "/", follow=True)
    [fault] = crawl.faults
    assert "Windows and macOS" in fault.what


def test_links_that_lead_out_of_the_folder_are_broken_and_never_asked() -> None:
    hrefs = ("/%2e%2e/x", "/a%00b", "//example.org//etc", "/a%5cb")
    written, crawl = export({"/": page(*hrefs)}, "/", follow=True)
    assert set(written) == {"index.html", "404.html"}
    assert {f.subject for f in told(crawl, "broken")} == set(hrefs)


def test_a_query_makes_no_other_page_and_that_is_told() -> None:
    app = {"/": page("/list?page=2"), "/list": page()}
    written, crawl = export(app, "/", follow=True)
    assert "list/index.html" in written
    assert [f.subject for f in told(crawl, "query")] == ["/list?..."]


def test_forms_that_post_are_told() -> None:
    _, crawl = export({"/": page(more="<form method=post></form><form action=/>")}, "/")
    assert [f.subject for f in told(crawl, "form")] == ["/"]


def test_a_relative_link_that_means_something_else_where_the_page_will_be_is_told() -> None:
    app = {"/about": page("team"), "/about/x/": page("y"), "/team": page()}
    _, crawl = export(app, "/about", "/about/x/", "/team")
    [relative] = told(crawl, "relative")
    assert "/team in the app, to /about/team" in relative.text


def test_a_sitemap_names_pages_and_other_sitemaps() -> None:
    loc = "<loc>https://example.org{}</loc>".format
    app = {
        "/sitemap.xml": Answer("<sitemapindex>" + loc("/s/1.xml"), type="application/xml"),
        "/s/1.xml": Answer(loc("/a") + loc("/b") + "<loc>https://x.org/c</loc>", type="text/xml"),
        "/a": page(),
        "/b": page(),
    }
    written, crawl = export(app, sitemap="/sitemap.xml")
    assert {"sitemap.xml", "s/1.xml", "a/index.html", "b/index.html"} <= set(written)
    assert "x.org" in told(crawl, "note")[0].text


def test_types_that_a_name_does_not_tell_are_told_and_kept() -> None:
    app = {"/feed": Answer("<rss>", type="application/rss+xml"), "/f.xml": Answer(type="text/xml")}
    written, crawl = export(app, "/feed", "/f.xml")
    assert {"feed", "f.xml"} <= set(written)
    assert crawl.types == {"/feed": "application/rss+xml"}
    assert [f.subject for f in told(crawl, "type")] == ["/feed"]


def test_no_page_for_what_is_not_there_is_a_note_and_no_fault() -> None:
    for answer in (Answer(status=500), Answer("{}", 404, "application/json")):
        written, crawl = export({"/": page(), NOT_FOUND: answer}, "/")
        assert "404.html" not in written
        assert crawl.faults == []
        assert told(crawl, "note")


def test_there_is_an_end_to_pages() -> None:
    class Calendar(dict[str, Answer]):
        def get(self, asked: str, default: object = None) -> Answer:  # type: ignore[override]
            return page(f"{asked.rstrip('/')}/n") if asked != NOT_FOUND else Answer(status=404)

    _, crawl = export(Calendar(), "/", follow=True, most_pages=50)
    assert crawl.too_many
    assert crawl.pages == 49


PATHS = [f"/{a}" for a in ("", "a", "b", "A", "a/b", "c", "a/")]
ANSWERS = st.one_of(
    st.lists(st.sampled_from(PATHS), max_size=4).map(lambda hrefs: page(*hrefs)),
    st.sampled_from(PATHS).map(lambda to: Answer(status=302, to=to)),
    st.just(Answer("x", type="application/json")),
    st.just(Answer(status=500)),
)


@given(st.dictionaries(st.sampled_from(PATHS), ANSWERS), st.booleans())
def test_whatever_the_app_every_link_is_made_or_told(app: App, follow: bool) -> None:
    written, crawl = export(app, "/", follow=follow)
    if crawl.faults:
        return
    made = {place.removesuffix("index.html").rstrip("/") for place in written}
    known = made | {origin.strip("/") for origin in crawl.moves}
    broken = {f.subject.strip("/") for f in told(crawl, "broken")}
    for place, body in written.items():
        if place != "404.html" and body.startswith("<a"):
            for reference in links.of_page(body):
                assert reference.text.strip("/") in known | broken
