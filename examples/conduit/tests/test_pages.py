"""The pages, as a person uses them."""

from __future__ import annotations

import hashlib
import re

import httpx
import pytest
from fastapi import FastAPI

from conduit import __version__
from conduit.assets import STATIC_DIR
from support import PASSWORD, Browser, Person, Tags, register


async def test_somebody_signs_up_writes_and_signs_out(browser: Browser) -> None:
    await browser.open("/register")
    response = await browser.send(
        "/register", username="cleo", email="cleo@example.com", password=PASSWORD
    )
    assert (response.status_code, response.headers["location"]) == (303, "/")
    await browser.open("/editor")
    response = await browser.send(
        "/editor", title="My first", description="A start", body="**Hello**", tags="one, two,one"
    )
    assert response.headers["location"] == "/article/my-first"
    page = await browser.open("/article/my-first")
    assert "<strong>Hello</strong>" in page
    assert '<a href="/tag/two">two</a>' in page
    response = await browser.send("/logout")
    assert response.status_code == 303
    assert "Sign in" in await browser.open("/")


async def test_a_form_that_was_filled_in_wrongly_keeps_what_was_typed(browser: Browser) -> None:
    await browser.open("/register")
    response = await browser.send("/register", username="cleo", email="nobody", password="short")
    assert response.status_code == 422
    assert 'value="cleo"' in response.text
    assert "Email is invalid" in response.text
    assert "Password is too short" in response.text
    assert "short" not in response.text.replace("too short", "")


async def test_wrong_credentials(browser: Browser, ada: Person) -> None:
    await browser.open("/login")
    response = await browser.send("/login", email=ada.email, password="wrong horse")
    assert response.status_code == 401
    assert "email address or password is invalid" in response.text


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/editor", "/editor"),
        ("/tag/a?page=2", "/tag/a?page=2"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
async def test_signing_in_leads_back_but_never_to_another_site(
    browser: Browser, ada: Person, wanted: str, reached: str
) -> None:
    browser.page = (await browser.client.get("/login", params={"next": wanted})).text
    response = await browser.send("/login", email=ada.email, password=PASSWORD)
    assert response.headers["location"] == reached


@pytest.mark.parametrize("path", ["/editor", "/settings", "/feed", "/editor/some"])
async def test_pages_for_members_ask_to_sign_in(browser: Browser, path: str) -> None:
    response = await browser.client.get(path)
    assert response.status_code == 303
    assert response.headers["location"] == f"/login?next={path}"


async def test_editing_and_deleting_ones_own(browser: Browser, ada: Person) -> None:
    await ada.publish("Before", tagList=["x"])
    await browser.sign_in(ada)
    page = await browser.open("/editor/before")
    assert 'value="x"' in page
    response = await browser.send(
        "/editor/before", title="After", description="d", body="b", tags=""
    )
    assert response.headers["location"] == "/article/after"
    await browser.open("/article/after")
    response = await browser.send("/article/after/delete")
    assert response.headers["location"] == "/profile/ada"
    assert "no such page" in await browser.open("/article/after", 404)


async def test_what_is_somebody_elses_has_no_buttons_and_is_refused(
    browser: Browser, ada: Person, ben: Person
) -> None:
    slug = (await ada.publish())["slug"]
    remark = await ada.remark(slug)
    await browser.sign_in(ben)
    page = await browser.open(f"/article/{slug}")
    assert f"/article/{slug}/delete" not in page
    assert f"/comments/{remark['id']}/delete" not in page
    token = browser.hidden("/logout")
    for path in (f"/article/{slug}/delete", f"/article/{slug}/comments/{remark['id']}/delete"):
        assert (await browser.client.post(path, data=token)).status_code == 403
    assert (await browser.client.post(f"/editor/{slug}", data=token)).status_code == 403
    assert (await browser.client.get(f"/editor/{slug}")).status_code == 403


async def test_liking_and_following_on_the_page(browser: Browser, ada: Person, ben: Person) -> None:
    slug = (await ada.publish())["slug"]
    await browser.sign_in(ben)
    await browser.open(f"/article/{slug}")
    response = await browser.send(f"/article/{slug}/favorite")
    assert response.headers["location"] == f"/article/{slug}"
    await browser.send("/profile/ada/follow")
    page = await browser.open(f"/article/{slug}")
    assert "Following" in page
    assert 'aria-pressed="true"' in page
    assert "A title" in await browser.open("/feed")
    assert "A title" in await browser.open("/profile/ben/favorites")
    await browser.open(f"/article/{slug}")
    await browser.send(f"/article/{slug}/favorite")
    await browser.send("/profile/ada/follow")
    assert "A title" not in await browser.open("/feed")
    assert "A title" not in await browser.open("/profile/ben/favorites")


async def test_comments_on_the_page(browser: Browser, ada: Person) -> None:
    slug = (await ada.publish())["slug"]
    await browser.sign_in(ada)
    assert "No comments yet" in await browser.open(f"/article/{slug}")
    blank = await browser.send(f"/article/{slug}/comments", body=" ")
    assert blank.status_code == 422
    response = await browser.send(f"/article/{slug}/comments", body="A *remark*")
    assert response.headers["location"].startswith(f"/article/{slug}#comment-")
    assert "A <em>remark</em>" in await browser.open(f"/article/{slug}")
    await browser.send(f"/article/{slug}/comments/1/delete")
    assert "No comments yet" in await browser.open(f"/article/{slug}")


async def test_many_comments_have_pages(browser: Browser, ada: Person, app: FastAPI) -> None:
    slug = (await ada.publish())["slug"]
    async with app.state.database.writing() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO comments (article_id, author_id, body)"
            " SELECT 1, 1, 'Remark ' || n || '.' FROM generate_series(1, 51) n"
        )
    first = await browser.open(f"/article/{slug}")
    assert "51 comments" in first
    assert "Remark 51." in first
    assert "Remark 1." not in first
    second = await browser.open(f"/article/{slug}?page=2")
    assert "Remark 1." in second
    listed = await ada("GET", f"/articles/{slug}/comments")
    assert len(listed.json()["comments"]) == 51


async def test_settings(browser: Browser, ada: Person, ben: Person) -> None:
    await browser.sign_in(ada)
    await browser.open("/settings")
    fields = {"username": "ada", "email": ada.email, "image": "", "bio": "Hi", "password": ""}
    response = await browser.send("/settings", **fields)
    assert response.headers["location"] == "/settings?saved=1"
    page = await browser.open("/settings?saved=1")
    assert "Saved" in page
    assert ">Hi</textarea>" in page
    taken = await browser.send("/settings", **{**fields, "username": "ben"})
    assert taken.status_code == 422
    assert "Username has already been taken" in taken.text
    assert (await ada("GET", "/user")).json()["user"]["bio"] == "Hi"


async def test_lists_have_pages(browser: Browser, ada: Person) -> None:
    for n in range(11):
        await ada.publish(f"Number {n}.")
    first = await browser.open("/")
    assert "Number 10." in first
    assert "Number 0." not in first
    assert "Page 1 of 2" in first
    second = await browser.open("/profile/ada?page=2")
    assert "Number 0." in second
    assert "This is the end" in await browser.open("/?page=7")
    await browser.open("/?page=0", 404)
    await browser.open("/?page=x", 404)


async def test_the_front_page_names_the_version_and_the_api(browser: Browser) -> None:
    page = await browser.open("/")
    assert f"Version {__version__}" in page
    assert 'href="/docs"' in page
    assert "It is quiet in here" in page


async def test_the_reference_shows_every_endpoint(browser: Browser) -> None:
    page = await browser.open("/docs")
    paths = (await browser.client.get("/api/openapi.json")).json()["paths"]
    assert len(paths) == 12
    assert all(path in page for path in paths)


@pytest.mark.parametrize("name", ["a b", "ü", "x?y", "a&b", "100%", "Ä#1", '"quoted"', "<b>"])
async def test_names_with_signs_in_them_have_working_links(
    browser: Browser, client: httpx.AsyncClient, name: str
) -> None:
    person = await register(client, name, "signs@example.com")
    await person.publish("Linked", tagList=[name])
    await browser.open("/")
    targets = {attributes.get("href", "") for _, attributes in Tags(browser.page).found}
    links = {t for t in targets if t.startswith(("/profile/", "/tag/"))}
    assert len(links) == 2
    for link in links:
        assert "Linked" in await browser.open(link)


def test_typefaces_have_the_hash_of_their_content_in_their_name() -> None:
    sheet = (STATIC_DIR / "app.css").read_text()
    named = re.findall(r'url\("(fonts/[^"]+)"\)', sheet)
    assert len(named) == 3
    for name in named:
        digest = hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()
        assert name.split(".")[1] == digest[:10]


async def test_static_addresses_carry_a_hash_and_lead_to_the_files(browser: Browser) -> None:
    page = await browser.open("/")
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(addresses) >= 5
    for address in addresses:
        assert re.search(r"\?v=[0-9a-f]{10}$|\.[0-9a-f]{10}\.woff2$", address)
        assert (await browser.client.get(address)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/articles", "/healthz", "/static/app.css"])
async def test_head_answers_as_get_without_the_body(browser: Browser, path: str) -> None:
    whole, head = await browser.client.get(path), await browser.client.head(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


async def test_an_unknown_page(browser: Browser, ada: Person) -> None:
    assert "Nothing here" in await browser.open("/nowhere", 404)
    await browser.sign_in(ada)
    assert "Sign out" in await browser.open("/nowhere", 404)
    unknown = await browser.client.get("/api/nowhere")
    assert unknown.status_code == 404
    assert unknown.json() == {"errors": {"body": ["not found"]}}
