"""One request over HTTP/1.1, once: no retry, no redirect, no cookie, slow where asked to be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tenfold.load.answer import EXAMPLE_CHARACTERS, Answer, failure_of
from tenfold.load.compose import Prepared, StreamedFile

Clock = Callable[[], float]
At = Sequence[tuple[str, int]]
"""Addresses, each with its port; 0 is that of the URL."""

ANY_EDGE = "edges.invalid"
_BLOCK = bytes(range(256)) * 256
_SLOW_STEPS = 20  # a slow body goes out, and a slowly read one comes in, in this many pieces
_IDLE_SECONDS = 300.0  # as browsers do: an idle connection is used until the site closes it


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes

    def text(self, characters: int | None = None) -> str:
        """The body as UTF-8, or its beginning."""
        return self.body.decode(errors="replace")[:characters]


class Client:
    """Sends prepared requests to one site. An async context manager."""

    def __init__(
        self, base_url: str, *, keep_alive: bool = True, at: At = (), clock: Clock
    ) -> None:
        self._base_url, self._host = base_url, ""
        if len(at) > 1:  # of an address nobody asks where it leads
            site = URL(base_url)
            self._base_url, self._host = str(site.with_host(ANY_EDGE)), site.authority
        self._clock = clock
        self._session = new_session(keep_alive=keep_alive, at=at)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(self, request: Prepared, *, timeout_seconds: float) -> Answer:
        """Send, read the answer to its end and drop it; a failure is a result, not an exception."""
        try:
            async with self._open(request, timeout_seconds) as response:
                excerpt = await _excerpt(response)
                await _read_to_end(response.content, response.content_length, request.read_seconds)
                return Answer(self._clock(), response.status, excerpt=excerpt)
        except (aiohttp.ClientError, OSError) as error:
            return Answer(self._clock(), failure=failure_of(error))

    async def fetch(self, request: Prepared, *, timeout_seconds: float) -> Fetched:
        """Send and return the whole answer, uncompressed.

        Raises:
            aiohttp.ClientError, OSError: there was no complete answer.
        """
        plain = replace(request, headers={"accept-encoding": "identity", **request.headers})
        async with self._open(plain, timeout_seconds) as response:
            cookies = {name: morsel.value for name, morsel in response.cookies.items()}
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Fetched(response.status, headers, cookies, await response.read())

    def _open(
        self, request: Prepared, timeout_seconds: float
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            request.method,
            URL(self._base_url + request.path, encoded=True),
            headers={"host": self._host, **request.headers} if self._host else request.headers,
            data=_stream(request.body) if isinstance(request.body, StreamedFile) else request.body,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            allow_redirects=False,
        )


def new_session(*, keep_alive: bool = True, at: At = ()) -> aiohttp.ClientSession:
    """A session that sends each request exactly once and pools without a limit of its own.

    With ``at`` every name leads to these addresses, whatever it leads to elsewhere, and
    certificates are not looked at: whoever gives the addresses knows who is there. Of several, one
    that cannot be reached is left for the next, as browsers do with a name that leads to several.

    Bodies stay compressed: unpacking them would be the generator's time and prove nothing.
    """
    options: dict[str, Any] = {"resolver": _At(at), "ssl": False} if at else {}
    if keep_alive:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, **options)
    else:
        connector = aiohttp.TCPConnector(limit=0, force_close=True, **options)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"user-agent": "tenfold-load"},
    )
    _never_repeat_requests(session)
    return session


class _At(AbstractResolver):
    """Every name leads to the same addresses."""

    def __init__(self, at: At) -> None:
        self._at = at

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As :meth:`aiohttp.abc.AbstractResolver.resolve`."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=own or port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address, own in self._at
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _never_repeat_requests(session: aiohttp.ClientSession) -> None:
    """Turn off that aiohttp repeats a GET, PUT or DELETE whose connection was closed on it.

    A visitor's browser may do so, but a load that did would report a site as better than it is.
    aiohttp has no public switch; its own test client sets the same attribute. Should a later
    version rename it, this fails loudly instead of retrying quietly.
    """
    if not hasattr(session, "_retry_connection"):
        raise RuntimeError(f"aiohttp {aiohttp.__version__} cannot be told not to repeat requests")
    session._retry_connection = False


async def _stream(file: StreamedFile) -> AsyncIterator[bytes]:
    """The body of an upload, in even pieces over its seconds.

    Each piece waits for its moment, so that the last byte goes out at their end: a site answers
    once it has the whole body, and latency is what it took from then on.
    """
    yield file.before
    loop = asyncio.get_running_loop()
    began = loop.time()
    steps = _SLOW_STEPS if file.seconds else 1
    sent = 0
    for step in range(1, steps + 1):
        await _until(began + file.seconds * step / steps)
        until = file.size_bytes * step // steps
        while sent < until:
            piece = _BLOCK[: until - sent]
            yield piece
            sent += len(piece)
    yield file.after


async def _read_to_end(
    content: aiohttp.StreamReader, length_bytes: int | None, seconds: float
) -> None:
    """Read all of the answer, and not faster than within `seconds`."""
    began = asyncio.get_running_loop().time()
    piece_bytes = len(_BLOCK) if length_bytes is None else max(1, length_bytes // _SLOW_STEPS)
    for step in range(1, _SLOW_STEPS + 1) if seconds else ():
        await content.read(piece_bytes)
        await _until(began + seconds * step / _SLOW_STEPS)
    while await content.readany():
        pass


async def _until(moment: float) -> None:
    remaining = moment - asyncio.get_running_loop().time()
    if remaining > 0:
        await asyncio.sleep(remaining)


async def _excerpt(response: aiohttp.ClientResponse) -> str:
    """The first characters of an answer that tells of an error."""
    if response.status < 400:
        return ""
    if "content-encoding" in response.headers:
        return "(a compressed body)"
    head = await response.content.read(EXAMPLE_CHARACTERS)
    return head.decode(errors="replace")
