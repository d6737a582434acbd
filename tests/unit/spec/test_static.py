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


BUILD = 'build = "hugo"\noutput = "./public/"\n'


def test_a_generator_needs_no_app() -> None:
    spec = parse(f'name = "x"\n[static]\n{BUILD}build_timeout = "5m"')
    assert (spec.app, spec.command) == (None, None)
    assert (spec.static.build, spec.static.output) == ("hugo", "public")
    assert spec.static.build_timeout_seconds == 300
    with pytest.raises(SpecError, match="app: is missing"):
        parse('name = "x"\n[static]\npages = ["/"]')
    with pytest.raises(SpecError, match="exclude each other"):
        parse(f'name = "x"\napp = "a:b"\ncommand = "c"\n[static]\n{BUILD}')


@pytest.mark.parametrize(
    ("text", "source"), [("", None), ('pages = ["/"]', "pages"), (BUILD, "build")]
)
def test_a_site_has_one_source_or_none(text: str, source: str | None) -> None:
    assert parse(SMALL + text).static.source == source


def test_an_environment_may_have_another_generator_but_not_both_sources() -> None:
    text = 'name = "x"\napp = "a:b"\n[static]\npages = ["/"]\n[environments.new.static]\n'
    with pytest.raises(SpecError, match="give one of both") as told:
        parse(text + BUILD)
    assert "[environments.new.static] pages" in told.value.what
    assert parse(text + BUILD + "pages = []", environment="new").static.source == "build"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('build = "hugo"', "output: is missing beside build"),
        ('output = "public"', "add for example  build"),
        (BUILD + 'pages = ["/"]', "give one of both"),
        (BUILD + "follow = true", "give one of both"),
        (BUILD + 'sitemap = "/s.xml"', "give one of both"),
        ('build_timeout = "5m"', "is for build"),
        ('build = "hugo"\noutput = "../public"', "not a directory of the project"),
        ('build = "hugo"\noutput = "/srv"', "not a directory of the project"),
        ('build = "hugo"\noutput = "."', "no folder of its own"),
        ('build = "hugo"\noutput = ".tenfold/site"', "no folder of its own"),
        ('build = "hugo"\noutput = ".git"', "no folder of its own"),
        ('build = "hugo \'x"\noutput = "public"', "closing quote"),
        ('build = ""\noutput = "public"', "is empty"),
        ('build = "hugo"\noutput = "public"\nbuild_timeout = "0s"', "build_timeout"),
    ],
)
def test_a_generator_that_is_told_wrongly_is_answered(text: str, why: str) -> None:
    with pytest.raises(SpecError) as told:
        parse(SMALL + text)
    assert why in told.value.what
    assert "\n" not in told.value.what, "one problem, told once"


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
