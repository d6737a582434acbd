"""References in pages, styles and sitemaps, read as browsers read them."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.export.links import Reference, of_page, of_sitemap, of_style


def found(text: str) -> list[str]:
    return [reference.text for reference in of_page(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<a href="/a">x</a>', ["/a"]),
        ("<A HREF='/a'>", ["/a"]),
        ("<a href=/a>", ["/a"]),
        ("<a\nclass=x  href = '/a' >", ["/a"]),
        ('<a href="/a?x=1&amp;y=2">', ["/a?x=1&y=2"]),
        ('<a title="a > b" href="/a">', ["/a"]),
        ("<a title=it's href=/a>", ["/a"]),
        ('<div title="<a href=/no>">', []),
        ("<!-- <a href=/no> --><a href=/a>", ["/a"]),
        ("<script>x = '<a href=/no>'</script><a href=/a>", ["/a"]),
        ("<script src=/s.js></script>", ["/s.js"]),
        ("<textarea><a href=/no></textarea>", []),
        ("<title><a href=/no></title>", []),
        ("<style>b { background: url(/b.png) }</style>", ["/b.png"]),
        ('<p style="background: url(/b.png)">', ["/b.png"]),
        ("<a href=/a style='background: url(/b.png)'>", ["/a", "/b.png"]),
        ('<img src=/i.png srcset="/i1.png 1x, /i2.png 2x">', ["/i.png", "/i1.png", "/i2.png"]),
        ('<img srcset="data:image/png;base64,AA== 1x, /b.png 2x">',
         ["data:image/png;base64,AA==", "/b.png"]),
        ('<link rel="stylesheet" href="/a.css">', ["/a.css"]),
        ('<link rel="preconnect" href="/x">', []),
        ('<meta http-equiv="refresh" content="0; url=/next">', ["/next"]),
        ('<meta http-equiv="refresh" content="5">', []),
        ('<base href="/docs/"><a href="a">', ["/docs/a"]),
        ("<a href>", [""]),
        ("<a href=/a", ["/a"]),
        ("<abbr href=/no>", []),
        ("<svg><use href='/s.svg#x'/></svg>", ["/s.svg#x"]),
        ("<form action=/find></form>", ["/find"]),
        ('<a href="/a" href="/b">', ["/a"]),
    ],
)  # fmt: skip
def test_of_page(text: str, expected: list[str]) -> None:
    assert found(text) == expected


def test_kinds_say_whether_somebody_goes_there_or_it_belongs_to_the_page() -> None:
    kinds = {r.text: r.kind for r in of_page(
        "<a href=/a><img src=/i><link rel=icon href=/f><link rel=next href=/n>"
        "<form method=POST action=/p><form action=/g><iframe src=/e></iframe>"
    )}  # fmt: skip
    assert kinds == {
        "/a": "page", "/i": "part", "/f": "part", "/n": "page", "/p": "form", "/g": "page",
        "/e": "page",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a { b: url(x.png) }", ["x.png"]),
        ("a { b: url( 'x y.png' ) }", ["x y.png"]),
        ('@import "more.css";', ["more.css"]),
        ("@import url(more.css);", ["more.css"]),
        ("/* url(no.png) */", []),
        ("@font-face { src: url(a.woff2) format('woff2'), url(a.woff) }", ["a.woff2", "a.woff"]),
    ],
)
def test_of_style(text: str, expected: list[str]) -> None:
    assert [r.text for r in of_style(text)] == expected


def test_of_sitemap() -> None:
    text = "<urlset><url><loc> https://a.org/x?a=1&amp;b=2 </loc></url><url><loc>/y</loc></url>"
    assert of_sitemap(text) == (("https://a.org/x?a=1&b=2", "/y"), False)
    assert of_sitemap("<sitemapindex><sitemap><loc>/s.xml</loc>") == (("/s.xml",), True)


class Oracle(HTMLParser):
    """What Python's own parser finds."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value or "" for name, value in attrs if name == "href"][:1]


WORDS = st.text("abc/ &<>\"'=é", max_size=10)
PIECES = st.one_of(
    WORDS.map(lambda t: escape(t)),
    st.tuples(WORDS, st.sampled_from("\"'")).map(
        lambda t: f"<a class=x title={t[1]}{escape(t[0])}{t[1]} href={t[1]}/{escape(t[0])}{t[1]}>"
    ),
    WORDS.map(lambda t: f"<!-- {t.replace('-', '').replace('>', '')} -->"),
    WORDS.map(lambda t: f"<script>'{t.replace('<', '')} <a href=/no>'</script>"),
    WORDS.map(lambda t: f'<div data-x="{escape(t)}"><br/></div>'),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_the_same_links_as_a_whole_parser_finds(text: str) -> None:
    oracle = Oracle()
    oracle.feed(text)
    oracle.close()
    assert [r.text for r in of_page(text) if r.kind == "page"] == oracle.links


@given(st.text("<a href=\"'>/!-scriptyle{}url() ", max_size=80))
def test_any_text_has_an_end(text: str) -> None:
    assert all(isinstance(r, Reference) for r in of_page(text))
    list(of_style(text))
    of_sitemap(text)


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<a href=", "<a href='", '<a title="', "<!--", "<script ", "<script>", "<style>url(",
     "<img srcset=", "<", "</", "<a href=x", "&", "= ", "<textarea>"],
)  # fmt: skip
def test_no_page_keeps_it_busy(piece: str) -> None:
    """What went back and forth would take minutes for this."""
    began = thread_time()
    for _ in of_page(piece * 100_000):
        pass
    assert thread_time() - began < 10
