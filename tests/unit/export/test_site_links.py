"""Where the pages of a made site lead: files as hosts serve them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tenfold.export import links
from tenfold.export.findings import Finding
from tenfold.export.paths import Site
from tenfold.export.site_links import SiteLinks, address, said_site, same_site

SITE = Site("https", "example.org")


def look(files: Mapping[str, str], site: Site = SITE, *, told: bool = True) -> list[Finding]:
    known = SiteLinks(site, frozenset(files), told=told)
    for place, text in files.items():
        if place == "sitemap.xml":
            known.sitemap(place, text)
        elif place == "_redirects":
            known.redirects(text)
        elif place.endswith(".css"):
            known.style(place, text)
        elif place.endswith(".html"):
            known.page(place, text)
    return list(known.findings())


def a(*hrefs: str) -> str:
    return "".join(f'<a href="{href}">x</a>' for href in hrefs)


def subjects(found: list[Finding], kind: str = "broken") -> list[str]:
    return [f.subject for f in found if f.kind == kind]


@pytest.mark.parametrize(
    ("place", "at"),
    [("index.html", "/"), ("a/index.html", "/a/"), ("a.html", "/a.html"), ("x.css", "/x.css")],
)
def test_a_file_has_an_address(place: str, at: str) -> None:
    assert address(place) == at


@pytest.mark.parametrize(
    "href",
    ["/", "/a/", "/a", "a/", "./a/index.html", "/b.html", "/style.css?v=1", "#top", "mailto:x@y",
     "https://example.org/a/", "https://elsewhere.net/gone", "/caf%C3%A9/", "/a/#part",
     "//cdn.net/x"],
)  # fmt: skip
def test_a_link_to_a_file_of_the_site_or_elsewhere_holds(href: str) -> None:
    files = {
        "index.html": a(href),
        "a/index.html": "",
        "b.html": "",
        "style.css": "",
        "café/index.html": "",
    }
    assert look(files) == []


@pytest.mark.parametrize(
    "href", ["/gone", "gone/", "../gone.html", "https://example.org/gone", "/A/"]
)
def test_a_link_to_nothing_is_told_with_who_has_it(href: str) -> None:
    [found] = look({"a/index.html": a("/"), "index.html": a(href, "/a/")})
    assert found.kind == "broken"
    assert found.sources == ("/",)


def test_a_relative_link_counts_from_where_its_page_is() -> None:
    assert subjects(look({"a/index.html": a("b/"), "a/b/index.html": "", "b/index.html": ""})) == []
    assert subjects(look({"a.html": a("b/"), "a/b/index.html": ""})) == ["/b"]


def test_pages_found_without_their_ending_are_one_note() -> None:
    found = look({"index.html": a("/about", "/blog", "/blog"), "about.html": "", "blog.html": ""})
    [note] = found
    assert (note.kind, note.subject) == ("note", "/about")
    assert "is about.html, and 1 more so" in note.text
    assert note.sources == ("/",)


def test_pictures_styles_and_what_those_bring_in() -> None:
    page = '<link rel=stylesheet href="/s.css"><img src="gone.png" srcset="big.png 2x">'
    found = look({"index.html": page, "s.css": "a { background: url(no.svg) } @import 'ok.css';",
                  "ok.css": "", "big.png": ""})  # fmt: skip
    assert sorted(subjects(found)) == ["/gone.png", "/no.svg"]


def test_below_a_path_links_have_it_and_others_lead_out() -> None:
    below = Site("https", "you.github.io", "/shop")
    found = look({"index.html": a("/shop/a/", "/shop", "/a/", "a/"), "a/index.html": ""}, below)
    [out] = found
    assert (out.subject, out.text) == ("/a/", "leads out of /shop, where the site is")


def test_where_nobody_says_where_the_site_is_a_note_tells_what_to_say() -> None:
    found = look({"index.html": a("/shop/a/"), "a/index.html": ""}, told=False)
    assert [f.kind for f in found] == ["broken", "note"]
    assert found[1].subject == "[static] url"
    assert "link to /shop/..." in found[1].text
    assert [f.kind for f in look({"index.html": a("/gone", "/x/y")}, told=False)] == ["broken"] * 2
    assert subjects(look({"index.html": a("/")}, told=False), "note") == []


def test_links_that_can_lead_nowhere_say_why() -> None:
    found = look(
        {"index.html": a("a%ff", "/b//c", "..%2fx") + "<form method=post action=''></form>"}
    )
    assert {f.subject: f.text for f in found if f.kind == "broken"} == {
        "a%ff": "is not UTF-8",
        "/b//c": "has an empty part: //",
        "..%2fx": "would leave the folder: . or .. in it",
    }


def test_redirects_of_the_host_answer_what_has_no_file() -> None:
    text = "# comment\n/old /new 301\n/go/* /:splat\nhttps://x.org/* /"
    files = {"index.html": a("/old", "/go/x", "/gone"), "_redirects": text}
    assert subjects(look(files)) == ["/gone"]


def test_a_sitemap_leads_to_pages_as_well() -> None:
    text = "<urlset><url><loc>https://example.org/a/</loc></url><url><loc>https://example.org/b</loc></url></urlset>"
    assert subjects(look({"sitemap.xml": text, "a/index.html": ""})) == ["/b"]


def test_forms_and_queries_want_somebody_who_answers() -> None:
    page = '<form method=post></form><form action="/search/"></form><a href="/?lang=de">x</a>'
    found = look({"index.html": page, "search/index.html": ""})
    assert [(f.kind, f.subject) for f in found] == [("query", "/?..."), ("form", "/")]


def test_the_page_for_what_is_missing_is_shown_anywhere() -> None:
    found = look({"404.html": a("about/", "/about/"), "about/index.html": ""})
    assert [(f.kind, f.subject) for f in found] == [("relative", "about/")]


@pytest.mark.parametrize(
    ("index", "locs", "said"),
    [
        ('<link rel="canonical" href="https://x.org/shop/">', (), "https://x.org/shop"),
        ('<link href="/shop/" rel="canonical">', (), None),
        ("", ("https://x.org/b/", "https://x.org/", "https://x.org/a/"), "https://x.org"),
        ("", ("https://x.org/de/sitemap.xml", "https://x.org/en/sitemap.xml"), None),
        ("", ("/a",), None),
        ('<!-- <link rel="canonical" href="https://x.org/"> -->', (), None),
        ('<link rel=canonical href="https://[x/">', (), None),
    ],
)
def test_a_site_says_itself_where_it_is(
    index: str, locs: tuple[str, ...], said: str | None
) -> None:
    sitemap = "".join(f"<loc>{loc}</loc>" for loc in locs)
    assert said_site(index, sitemap) == said


def test_an_address_is_the_same_with_a_slash() -> None:
    assert same_site("https://X.org/", "https://x.org")
    assert not same_site("https://x.org/shop", "https://x.org")


def test_a_canonical_address_is_the_first_that_a_page_names() -> None:
    page = '<link rel="stylesheet canonical" href="/a"><link rel="canonical" href="/b">'
    assert links.canonical_of(page) == "/a"
    assert links.canonical_of("<p>") is None
