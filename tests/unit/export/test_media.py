"""Types: what a host says of a name, and what is as good as the same."""

from __future__ import annotations

import pytest

from tenfold.export import media


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("index.html", "text/html"),
        ("a/feed.xml", "application/xml"),
        ("APP.JS", "text/javascript"),
        ("font.woff2", "font/woff2"),
        ("site.webmanifest", "application/manifest+json"),
        ("feed", media.UNKNOWN),
        (".htaccess", media.UNKNOWN),
        ("a.b/c", media.UNKNOWN),
        ("x.unheard-of", media.UNKNOWN),
    ],
)
def test_hosts_know_names_alone(place: str, kind: str) -> None:
    assert media.served_as(place) == kind


def test_names_of_one_thing_are_alike() -> None:
    assert media.alike("application/rss+xml", "application/xml")
    assert media.alike("application/javascript", "text/javascript")
    assert not media.alike("application/json", "text/html")


def test_parameters_are_taken_apart() -> None:
    assert media.bare("Text/HTML; charset=utf-8") == "text/html"
    assert media.charset('text/html; Charset="ISO-8859-1"') == "iso-8859-1"
    assert media.charset("text/html") is None
