"""What the tests share: a browser of a sort, and people who do things with the API."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

PASSWORD = "correct horse"
_numbers = itertools.count(1)


@dataclass
class Person:
    """Somebody with an API token."""

    client: httpx.AsyncClient
    username: str
    token: str

    async def __call__(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the API as this person."""
        headers = {"Authorization": f"Token {self.token}"}
        return await self.client.request(method, f"/api{path}", json=body, headers=headers)

    @property
    def email(self) -> str:
        """The address they signed up with."""
        return f"{self.username}@example.com"

    async def publish(self, title: str = "A title", **fields: Any) -> dict[str, Any]:
        """Publish an article and return it."""
        article = {"title": title, "description": "What it is about", "body": "Text.", **fields}
        response = await self("POST", "/articles", {"article": article})
        assert response.status_code == 201, response.text
        return dict(response.json()["article"])

    async def remark(self, slug: str, body: str = "A remark") -> dict[str, Any]:
        """Comment on an article and return the comment."""
        response = await self("POST", f"/articles/{slug}/comments", {"comment": {"body": body}})
        assert response.status_code == 200, response.text
        return dict(response.json()["comment"])


async def register(
    client: httpx.AsyncClient, username: str | None = None, email: str | None = None
) -> Person:
    """Make an account by the API."""
    username = username or f"person{next(_numbers)}"
    email = email or f"{username}@example.com"
    user = {"username": username, "email": email, "password": PASSWORD}
    response = await client.post("/api/users", json={"user": user})
    assert response.status_code == 201, response.text
    return Person(client, username, response.json()["user"]["token"])


@dataclass
class Browser:
    """Reads pages and sends the forms that are on them, with the token in them and its cookies."""

    client: httpx.AsyncClient
    page: str = field(default="", init=False)

    async def open(self, path: str, status: int = 200) -> str:
        """Load a page."""
        response = await self.client.get(path, follow_redirects=True)
        assert response.status_code == status, response.text
        self.page = response.text
        return self.page

    async def send(self, action: str, files: Any = None, **fields: Any) -> httpx.Response:
        """Send the form with this action, adding the fields; redirects are not followed."""
        return await self.client.post(action, data={**self.hidden(action), **fields}, files=files)

    async def sign_in(self, person: Person) -> None:
        """Sign in by the form."""
        await self.open("/login")
        response = await self.send("/login", email=person.email, password=PASSWORD)
        assert response.status_code == 303, response.text

    def hidden(self, action: str) -> dict[str, str]:
        """The hidden fields of the form with this action."""
        pattern = rf'<form[^>]*action="{re.escape(html.escape(action))}"[^>]*>(.*?)</form>'
        form = re.search(pattern, self.page, re.DOTALL)
        assert form, f"no form for {action} on the page"
        fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[1])
        return {name: html.unescape(value) for name, value in fields}


class Tags(HTMLParser):
    """The tags of a page, each with its attributes, as a browser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def active(self) -> list[tuple[str, dict[str, str]]]:
        """Those that would run something, or bring in styles of their own."""
        return [
            (tag, attributes)
            for tag, attributes in self.found
            if any(name.startswith("on") or name == "style" for name in attributes)
            or tag in ("style", "iframe", "object", "embed", "base")
            or (tag == "script" and not attributes.get("src", "").startswith("/static/"))
            or any(
                attributes.get(name, "").strip().lower().startswith(("javascript:", "data:"))
                for name in ("href", "src", "action")
            )
        ]


def errors(response: httpx.Response) -> dict[str, list[str]]:
    """The messages of a refusal by the API, by field; each is a sentence under ``body``, too."""
    told = dict(response.json()["errors"])
    sentences = told.pop("body")
    fields = [f"{field} {message}" for field, messages in told.items() for message in messages]
    assert set(fields) <= set(sentences)
    of_body = [s.removeprefix("body ") for s in sentences if s not in fields]
    return {**told, "body": of_body} if of_body else told
