"""Types by name: the same on every machine."""

from __future__ import annotations

import pytest

from tenfold.publishing.kinds import is_page, type_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/style.css", "text/css; charset=utf-8"),
        ("x.mjs", "text/javascript; charset=utf-8"),
        ("x.js", "text/javascript; charset=utf-8"),
        ("feed.atom", "application/atom+xml; charset=utf-8"),
        ("sitemap.xml", "application/xml; charset=utf-8"),
        ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("x.woff2", "font/woff2"),
        ("x.avif", "image/avif"),
        ("x.svg", "image/svg+xml; charset=utf-8"),
        ("x.wasm", "application/wasm"),
        ("sitemap.xml.gz", "application/gzip"),
        ("x.unheard-of", "application/octet-stream"),
        ("no-ending", "application/octet-stream"),
        ("a.html/picture.PNG", "image/png"),
    ],
)
def test_of_a_name(path: str, kind: str) -> None:
    assert type_of(path) == kind


def test_pages() -> None:
    assert is_page("a/b.html")
    assert is_page("a.xhtml")
    assert not is_page("html")
