"""Forged forms, scripts in texts, cookies, headers."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import FastAPI

from conduit.text import render_markdown
from conftest import client_of
from support import PASSWORD, Browser, Person, Tags, register

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example" onmouseover="alert(1))',
    "<a href='javascript:alert(1)'>x</a>",
    "<svg/onload=alert(1)>",
    "<iframe src='https://evil.example'></iframe>",
    "<style>*{display:none}</style>",
    "`<script>alert(1)</script>`",
    "```\n<script>alert(1)</script>\n```",
    "<https://a.example/<script>>",
    "<!--<img src=x onerror=alert(1)>-->",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "| a |\n|--|\n| <b onclick=alert(1)>x</b> |",
]

ALLOWED = re.compile(
    r"</?(?:a|blockquote|br|code|em|h[2-6]|hr|img|li|ol|p|pre|s|strong|table|t[dhr]|thead|tbody|ul)"
    r'(?: (?:href|src)="(?:https?:|mailto:|/)[^"<>]*"| (?:title|alt|rel|start|class)="[^"<>]*")* ?>'
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_makes_only_what_it_should(attack: str) -> None:
    page = render_markdown(attack)
    assert Tags(page).active() == []
    for tag in re.findall(r"<[^>]*>", page):
        assert ALLOWED.fullmatch(tag), tag


def test_markdown_still_does_what_it_is_for() -> None:
    page = render_markdown("# Title\n\n**b** *i* ~~s~~ [l](https://a.example)\n\n1. one\n\n> q")
    for part in ("<h2>Title</h2>", "<strong>b</strong>", "<em>i</em>", "<s>s</s>", "<ol>", "<blo"):
        assert part in page
    assert '<a href="https://a.example" rel="nofollow noopener ugc">l</a>' in page


@pytest.mark.parametrize("attack", ATTACKS[:4])
async def test_whatever_people_type_is_shown_as_text(
    browser: Browser, client: httpx.AsyncClient, attack: str
) -> None:
    name = attack.replace("/", "")
    person = await register(client, name[:50], "x@example.com")
    image = 'javascript:alert(1)" onerror="alert(1)'
    await person("PUT", "/user", {"user": {"bio": attack, "image": image}})
    slug = (await person.publish(attack, description=attack, body=attack, tagList=[attack]))["slug"]
    await person.remark(slug, attack)
    for path in ("/", f"/article/{slug}", str(httpx.URL("/profile/" + name[:50]))):
        page = await browser.open(path)
        assert Tags(page).active() == []


FORMS = ["/login", "/register", "/logout", "/settings", "/editor", "/preview"]


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_our_token_is_refused(
    browser: Browser, ada: Person, path: str
) -> None:
    if path not in ("/login", "/register"):
        await browser.sign_in(ada)
    for fields in ({}, {"csrf": "x"}, {"csrf": "AAAA" * 20}, {"csrf": "ü"}):
        response = await browser.client.post(path, data=fields)
        assert response.status_code == 403
        assert "Please try once more" in response.text


async def test_a_token_of_another_session_is_refused(
    browser: Browser, app: FastAPI, ada: Person, ben: Person
) -> None:
    async with client_of(app) as other_client:
        other = Browser(other_client)
        await other.sign_in(ben)
        await other.open("/settings")
        stolen = other.hidden("/logout")
    await browser.sign_in(ada)
    response = await browser.client.post("/logout", data=stolen)
    assert response.status_code == 403


async def test_a_token_from_before_signing_in_is_refused_after(
    browser: Browser, ada: Person
) -> None:
    await browser.open("/login")
    before = browser.hidden("/login")
    await browser.sign_in(ada)
    response = await browser.client.post("/logout", data={"csrf": before["csrf"]})
    assert response.status_code == 403


async def test_cookies_are_closed_to_scripts_and_other_sites(browser: Browser, ada: Person) -> None:
    response = await browser.client.get("/login")
    assert "HttpOnly" in response.headers["set-cookie"]
    await browser.open("/login")
    response = await browser.send("/login", email=ada.email, password=PASSWORD)
    session = next(c for c in response.headers.get_list("set-cookie") if "session" in c)
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "Secure" not in session  # plain http here
    assert "Max-Age=2592000" in session


async def test_over_https_cookies_are_secure(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://conduit.test") as client:
        response = await client.get("/register")
    assert "Secure" in response.headers["set-cookie"]


async def test_readers_without_an_account_get_no_cookie(browser: Browser, ada: Person) -> None:
    slug = (await ada.publish())["slug"]
    for path in ("/", f"/article/{slug}", "/profile/ada", "/docs"):
        response = await browser.client.get(path)
        assert "set-cookie" not in response.headers


async def test_a_session_is_not_an_api_token_nor_the_reverse(browser: Browser, ada: Person) -> None:
    await browser.sign_in(ada)
    cookie = browser.client.cookies["conduit_session"]
    assert (await Person(browser.client, "ada", cookie)("GET", "/user")).status_code == 401
    browser.client.cookies.set("conduit_session", ada.token, domain="conduit.test")
    response = await browser.client.get("/settings")
    assert response.status_code == 303


async def test_a_new_password_ends_sessions_in_other_browsers(
    browser: Browser, ada: Person
) -> None:
    await browser.sign_in(ada)
    await ada("PUT", "/user", {"user": {"password": "battery staple"}})
    assert (await browser.client.get("/settings")).status_code == 303


@pytest.mark.parametrize("path", ["/", "/api/articles", "/nowhere", "/static/app.css", "/healthz"])
async def test_every_answer_has_the_security_headers(browser: Browser, path: str) -> None:
    headers = (await browser.client.get(path)).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_pages_have_nothing_inline_and_nothing_from_elsewhere(
    browser: Browser, ada: Person
) -> None:
    slug = (await ada.publish())["slug"]
    await browser.sign_in(ada)
    for path in ("/", f"/article/{slug}", "/editor", "/settings", "/docs", "/nowhere"):
        tags = Tags((await browser.client.get(path)).text)
        assert tags.active() == []
        loaded = [a for tag, a in tags.found if tag in ("script", "link", "img")]
        assert loaded
        assert all(a.get("src", a.get("href", "")).startswith("/") for a in loaded)


async def test_pages_are_not_kept_by_shared_caches(browser: Browser) -> None:
    response = await browser.client.get("/")
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Cookie"
