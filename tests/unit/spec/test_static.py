"""``[static]``: what pages may be, and what they may not."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.read import parse

SMALL = 'name = "x"\napp = "a:b"\n[static]\n'


def test_all_of_it() -> None:
    static = parse(
        SMALL + 'pages = ["/", "/caf%C3%A9", "/blog/*"]\nexclude = ["/login"]\nfollow = true\n'
        'sitemap = "/sitemap.xml"\nurl = "https://you.github.io/shop/"\npage_timeout = "5s"\n'
        'max_page_size = "1MB"\nmax_pages = 7'
    ).static
    assert static.pages == ("/", "/café", "/blog/*")
    assert static.url == "https://you.github.io/shop"
    assert (static.page_timeout_seconds, static.max_page_bytes, static.max_pages) == (5, 10**6, 7)


def test_nothing_is_exported_unless_it_is_said() -> None:
    static = parse('name = "x"\napp = "a:b"').static
    assert (static.pages, static.follow, static.sitemap, static.url) == ((), False, None, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('pages = ["about"]', "does not begin with /"),
        ('pages = ["/list?page=2"]', "has a query string"),
        ('pages = ["/a#b"]', "no static host"),
        ('pages = ["/../etc"]', "would leave the folder"),
        ('pages = ["/%2e%2e/etc"]', "would leave the folder"),
        ('pages = ["//etc/passwd"]', "empty part"),
        ('pages = ["/a%00"]', "control character"),
        ('pages = ["/a%ff"]', "UTF-8"),
        ('sitemap = "/*.xml"', "is a pattern"),
        ('url = "example.org"', "https://example.org"),
        ('url = "https://user@example.org"', "https://example.org"),
        ('url = "ftp://example.org"', "https://example.org"),
        ('url = "https://example.org/../x"', "https://example.org"),
        ('url = "https://example.org?x=1"', "https://example.org"),
        ("max_pages = 0", "max_pages"),
        ('page_timeout = "0s"', "page_timeout"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(SpecError) as told:
        parse(SMALL + text)
    assert why in told.value.what
