"""What a reference leads to, and which paths can be files."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenfold.export import paths
from tenfold.export.paths import Link, Site, matches, resolve
from tenfold.spec.site_path import fault

SITE = Site("https", "example.org")
BELOW = Site("https", "me.github.io", "/shop")


@pytest.mark.parametrize(
    ("reference", "base", "leads"),
    [
        ("/about", "/", "/about"),
        ("/about/", "/", "/about/"),
        ("about", "/", "/about"),
        ("team", "/about", "/team"),
        ("team", "/about/", "/about/team"),
        ("../x", "/a/b/c", "/a/x"),
        ("/../../x", "/", "/x"),
        ("/a/./b", "/", "/a/b"),
        ("?page=2", "/list", "/list"),
        ("/about#us", "/", "/about"),
        ("/caf%C3%A9", "/", "/café"),
        ("/café", "/", "/café"),
        (" \n/a\tbout ", "/", "/about"),
        ("https://example.org/about", "/", "/about"),
        ("HTTP://EXAMPLE.ORG", "/", "/"),
        ("//example.org/a", "/", "/a"),
    ],
)
def test_a_reference_leads_to_a_path_as_browsers_take_it(
    reference: str, base: str, leads: str
) -> None:
    link = resolve(reference, base, SITE)
    assert link is not None
    assert link.fault is None
    assert link.asked == leads


@pytest.mark.parametrize(
    "reference",
    ["#top", "", "mailto:a@example.org", "tel:1", "javascript:void(0)", "data:text/plain,x",
     "https://elsewhere.org/", "//elsewhere.org/x", "https://example.org.evil.net/"],
)  # fmt: skip
def test_what_is_elsewhere_or_no_page_is_none_of_ours(reference: str) -> None:
    assert resolve(reference, "/", SITE) is None


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("/%2e%2e/%2e%2e/etc/passwd", "leave the folder"),
        ("/a/%2e%2e%2fb", "leave the folder"),
        ("/a%00b", "control"),
        ("/a%0Ab", "control"),
        ("/a//b", "empty part"),
        ("/a%5c..%5cb", "no static host"),
        ("/a%3Fb", "no static host"),
        ("/%ff", "UTF-8"),
        ("/" + "x" * 300, "too long"),
        ("http://[::1/", "no address"),
    ],
)
def test_a_reference_that_can_be_no_file_says_why(reference: str, why: str) -> None:
    link = resolve(reference, "/", SITE)
    assert link is not None
    assert why in (link.fault or "")


def test_below_a_prefix_only_what_is_below_it_is_the_site() -> None:
    assert resolve("/shop/about", "/", BELOW) == Link("/about")
    assert resolve("/shop", "/", BELOW) == Link("/")
    assert resolve("about", "/", BELOW) == Link("/about")
    link = resolve("/about", "/", BELOW)
    assert link is not None
    assert "leads out of /shop" in (link.fault or "")
    assert "leads out of /shop" in ((resolve("/shopping", "/", BELOW) or link).fault or "")


def test_a_query_is_told_of_and_slashes_at_the_end_are_one_page() -> None:
    link = resolve("/list/?page=2", "/", SITE)
    assert link == Link("/list/", query=True)
    assert link.key == paths.key("/list") == "/list"
    assert paths.key("/") == "/"


PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a",
        "%2e%2e",
        "%2F",
        "..%2f",
        "\\",
        "%5c",
        "%00",
        "é",
        "%ff",
        "?",
        "#",
        ":",
        "//",
    ]
)


@given(st.lists(PARTS, max_size=8).map("/".join), st.sampled_from(["/", "/a/b", "/a/b/"]))
@example("/..%2f..%2fx", "/")
def test_whatever_a_page_refers_to_is_a_path_that_stays_inside_or_a_fault(
    reference: str, base: str
) -> None:
    link = resolve(reference, base, SITE)
    if link is None or link.fault:
        return
    assert link.asked.startswith("/")
    assert not {"..", "."} & set(link.asked.split("/"))
    assert "\x00" not in link.asked
    assert resolve(quote(link.asked), "/", SITE) == Link(link.asked)


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    resolve(text, "/a", SITE)
    fault(text)


@pytest.mark.parametrize(
    ("pattern", "path", "yes"),
    [
        ("/blog/*", "/blog/1", True),
        ("/blog/*", "/blog/2024/one", True),
        ("/blog/*", "/blog", False),
        ("/*.xml", "/feeds/all.xml", True),
        ("/a*b*c", "/aXbYc", True),
        ("/a*b*c", "/aXcYb", False),
        ("/ab*b", "/ab", False),
        ("*", "/anything", True),
        ("/about", "/about/", True),
        ("/about", "/about/us", False),
    ],
)
def test_a_star_stands_for_any_number_of_characters(pattern: str, path: str, yes: bool) -> None:
    assert matches(pattern, path) is yes


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_patterns_mean_what_regular_expressions_say(pattern: str, path: str) -> None:
    import re

    if "*" in pattern:
        expression = ".*".join(map(re.escape, pattern.split("*")))
        assert matches(pattern, path) == bool(re.fullmatch(expression, path))
