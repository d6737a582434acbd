"""What an answer means: a file, a redirect, nothing, or a fault with a way out."""

from __future__ import annotations

import pytest

from tenfold.export.answers import Content, Fault, Head, Missing, Moved, judge


def verdict(status: int = 200, *, cookies: tuple[str, ...] = (), **headers: str) -> object:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(Head(status, told, cookies), "/page")


def test_a_page_is_a_page() -> None:
    found = verdict(content_type="text/html; charset=UTF-8")
    assert found == Content("text/html", "utf-8")
    assert isinstance(found, Content)
    assert found.html


def test_what_has_no_type_is_a_file_of_no_known_type() -> None:
    assert verdict() == Content("application/octet-stream", None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(status: int) -> None:
    found = verdict(status, location="/other place")
    assert found == Moved("/other%20place", 302 if status == 303 else status)


@pytest.mark.parametrize("status", [404, 410])
def test_missing(status: int) -> None:
    assert verdict(status) == Missing(status)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (verdict(401), "needs a login"),
        (verdict(200, www_authenticate="Basic"), "needs a login"),
        (verdict(302, location="/login?next=/page"), "needs a login"),
        (verdict(302, location="https://id.example.org/oauth2/authorize"), "needs a login"),
        (verdict(302, location="/enter?next=%2Fpage"), "needs a login"),
        (verdict(302, location="/accounts/sign-in/"), "needs a login"),
        (verdict(400), "the name under which it is asked"),
        (verdict(403), "403"),
        (verdict(500), "500"),
        (verdict(302), "302"),
        (verdict(204), "204"),
        (verdict(cookies=("session", "session", "csrf")), "(session, csrf)"),
        (verdict(302, location="javascript:alert(1)"), "none of the web"),
        (verdict(content_encoding="gzip", content_type="text/html"), "compressed"),
        (verdict(content_type="text/event-stream"), "streams for ever"),
    ],
)
def test_what_can_be_no_part_of_a_static_site_says_why_and_what_to_do(
    found: object, why: str
) -> None:
    assert isinstance(found, Fault)
    assert why in found.what
    assert found.next


@pytest.mark.parametrize("location", ["/authors", "/blog/login-explained", "/new?back=/other"])
def test_no_login_is_seen_where_there_is_none(location: str) -> None:
    assert isinstance(verdict(301, location=location), Moved)
