"""Redirects: where they end, and how hosts are told."""

from __future__ import annotations

from tenfold.export import moves
from tenfold.export.moves import Move
from tenfold.export.paths import Site

SITE = Site("https", "example.org")
BELOW = Site("https", "me.github.io", "/shop")


def table(*pairs: tuple[str, str]) -> dict[str, Move]:
    return {origin: Move(origin, to, 301, inside=True) for origin, to in pairs}


def test_a_way_that_ends_is_none_and_one_that_goes_round_is_told() -> None:
    assert moves.loop(table(("/a", "/b"), ("/b", "/c")), "/a") is None
    assert moves.loop(table(("/a", "/b"), ("/b", "/a")), "/a") == ("/a", "/b", "/a")
    assert moves.loop(table(("/a", "/b"), ("/b", "/c"), ("/c", "/b/")), "/a") is not None


def test_a_way_without_end_is_one_that_goes_round() -> None:
    endless = table(*((f"/{n}", f"/{n + 1}") for n in range(100)))
    assert moves.loop(endless, "/0") is not None


def test_elsewhere_is_an_end() -> None:
    away = {"/a": Move("/a", "https://other.org/", 302, inside=False)}
    assert moves.loop(away, "/a") is None


def test_a_page_sends_its_visitor_on_and_names_the_address_to_keep() -> None:
    page = moves.page(Move("/old", "/new & more", 301, inside=True), SITE).decode()
    assert 'content="0; url=/new%20&amp;%20more"' in page
    assert '<link rel="canonical" href="https://example.org/new%20&amp;%20more">' in page
    nasty = moves.page(Move("/o", 'https://x.org/"><script>', 301, inside=False), SITE).decode()
    assert "<script>" not in nasty


def test_the_list_is_a_line_each_escaped_and_below_the_prefix() -> None:
    told = moves.listing(
        [
            Move("/über uns", "/about", 308, inside=True),
            Move("/a*", "https://other.org/x y", 302, inside=False),
        ],
        BELOW,
    )
    assert told.splitlines()[1:] == [
        "/shop/a%2A https://other.org/x%20y 302",
        "/shop/%C3%BCber%20uns /shop/about 308",
    ]


def test_types_are_told_as_headers() -> None:
    assert moves.headers({"/feed": "application/rss+xml"}, SITE).splitlines()[1:] == [
        "/feed",
        "  Content-Type: application/rss+xml",
    ]
