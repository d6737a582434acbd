"""Netlify's API, as far as deploys need it: bounded, patient with a busy server, told no redirect.

What it is like: docs.netlify.com, "Get started with the Netlify API": a bearer token, 500 requests
a minute with ``X-RateLimit-Reset``, pages with a ``Link`` header, errors as ``code, message``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from tenfold.errors import PublishError
from tenfold.publishing.names import shown
from tenfold.secret import Secret

TRIES: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.25
MOST_PAUSE_SECONDS: Final = 70.0
"""A minute's limit is over after a minute."""
CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 60.0
MAX_ANSWER_BYTES: Final = 64 << 20
MOST_PAGES: Final = 2000
_BUSY = (429, 500, 502, 503, 504)


class Api:
    """A client; use it as an async context.

    Args:
        endpoint: scheme and host.
        token: of whoever publishes; sent to that host alone.
        where: the site, for people.
    """

    def __init__(self, endpoint: str, token: Secret, where: str) -> None:
        self._base = f"{endpoint}/api/v1"
        self._token = token
        self._where = where
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Api:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        headers = {
            "Authorization": f"Bearer {self._token.reveal()}",
            "User-Agent": "tenfold",
            "Accept": "application/json",
        }
        self._session = aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(self, path: str) -> Any:
        """What is there."""
        return (await self._asked("GET", f"{self._base}{path}"))[0]

    async def pages(self, path: str) -> list[Any]:
        """Every entry of a list that comes in pages."""
        url: str | None = f"{self._base}{path}"
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            if url is None:
                break
            answer, url = await self._asked("GET", url)
            if not isinstance(answer, list):
                raise self._odd("it answers no list")
            found += answer
        return found

    async def post(self, path: str, data: Mapping[str, Any]) -> Any:
        """Order something; never twice, but where the server said that it did nothing."""
        body = json.dumps(data).encode()
        kind = "application/json"
        return (await self._asked("POST", f"{self._base}{path}", body, kind))[0]

    async def put(self, path: str, content: bytes) -> None:
        """Send a content. ``path`` is quoted already."""
        await self._asked("PUT", f"{self._base}{path}", content, "application/octet-stream")

    async def _asked(
        self, method: str, url: str, body: bytes | None = None, kind: str | None = None
    ) -> tuple[Any, str | None]:
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, TRIES + 1):
            try:
                status, answer, headers, following = await self._once(method, url, body, kind)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if method == "POST" or attempt == TRIES:
                    raise self._unreachable(error) from error
            else:
                tried_enough = attempt == TRIES or (method == "POST" and status != 429)
                if status not in _BUSY or tried_enough:
                    return self._read(status, answer), following
                pause = max(pause, _until_reset(headers, time.time()) if status == 429 else 0)
            await asyncio.sleep(min(pause, MOST_PAUSE_SECONDS))
            pause *= 2
        raise AssertionError("the last try answers or raises")

    async def _once(
        self, method: str, url: str, body: bytes | None, kind: str | None
    ) -> tuple[int, bytes, Mapping[str, str], str | None]:
        assert self._session is not None
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=body,
            headers={"Content-Type": kind} if kind else None,
            allow_redirects=False,
        ) as response:
            answer = await response.content.read(MAX_ANSWER_BYTES + 1)
            while len(answer) <= MAX_ANSWER_BYTES and (
                more := await response.content.read(1 << 20)
            ):
                answer += more
            if len(answer) > MAX_ANSWER_BYTES:
                raise self._odd("its answer has no end")
            link = response.links.get("next")
            following = self._own(link["url"]) if link else None
            return response.status, answer, response.headers, following

    def _own(self, url: object) -> str:
        """Where the next page is; no other host is asked, for it would get the token."""
        mine, other = urlsplit(self._base), urlsplit(str(url))
        if (other.scheme, other.netloc) != (mine.scheme, mine.netloc):
            raise self._odd("it leads to another host")
        return str(url)

    def _read(self, status: int, answer: bytes) -> Any:
        if status == 401:
            raise self._refused(
                "Netlify refuses the token",
                "make a new one in Netlify's user settings, Applications, and set its variable",
            )
        if status == 403:
            raise self._refused(
                "the token may not do that", "let its user deploy that site, or use another token"
            )
        if status == 404:
            raise self._refused(
                "there is no such site, or the token may not see it",
                "correct [publish] to; the site's name or id is in its settings",
            )
        if status >= 300:
            raise self._refused(
                f"Netlify answers {status}: {_message(answer)}",
                "publish again, later if it is busy",
            )
        try:
            return json.loads(answer) if answer.strip() else None
        except ValueError as error:
            raise self._odd("its answer is no JSON") from error

    def _unreachable(self, error: Exception) -> PublishError:
        if isinstance(error, aiohttp.ClientSSLError):
            why = "the certificate of Netlify's API is not valid"
        elif isinstance(error, TimeoutError):
            why = "Netlify's API does not answer"
        else:
            why = "Netlify's API cannot be reached"
        return self._refused(why, "look at the network, and at Netlify's status page")

    def _odd(self, why: str) -> PublishError:
        return self._refused(f"that is not Netlify's API: {why}", "correct [publish] endpoint")

    def _refused(self, why: str, next_: str) -> PublishError:
        return PublishError(
            f"{self._where}: {self._token.masked_in(why)}",
            changed="nothing: what was published before is served",
            next=next_,
        )


def _until_reset(headers: Mapping[str, str], now: float) -> float:
    """How long until a busy server takes requests again, in seconds."""
    text = headers.get("X-RateLimit-Reset") or headers.get("Retry-After") or ""
    if not text.isdigit():
        return 0.0
    number = float(text)
    return max(0.0, number - now if number > 1e9 else number)


def _message(answer: bytes) -> str:
    try:
        told = json.loads(answer)
        message = told.get("message") or told.get("error") or told.get("errors")
    except (ValueError, AttributeError):
        message = answer.decode(errors="replace")
    return shown(" ".join(str(message).split())[:300])
