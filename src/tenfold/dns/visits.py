"""Ask every address that a name leads to, as a visitor does, with an id that only we know."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

PATH: Final = "/.tenfold/error.json"
"""A page that the edge shows for errors alone: asked for by name it answers 404 itself, without
asking the app, and writes the request into its log, unlike the path of its own probe."""
WITHIN_SECONDS: Final = 8.0
_AT_ONCE: Final = 16
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Call:
    """One visit to make; ``id`` is its request's, which the edge that receives it writes down."""

    name: str
    address: str
    scheme: str
    id: str

    @property
    def url(self) -> str:
        """What a visitor typed."""
        return f"{self.scheme}://{self.name}/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call. ``status`` is 0 where nobody answered, and ``problem`` says why;
    ``trusted`` whether the certificate is good, ``None`` without one."""

    call: Call
    status: int = 0
    problem: str = ""
    trusted: bool | None = field(default=None)


def make(calls: Sequence[Call]) -> tuple[Answer, ...]:
    """Make the calls, each within :data:`WITHIN_SECONDS`, twice that for a bad certificate."""
    return asyncio.run(_all(calls))


async def _all(calls: Sequence[Call]) -> tuple[Answer, ...]:
    few = asyncio.Semaphore(_AT_ONCE)
    timeout = aiohttp.ClientTimeout(total=WITHIN_SECONDS)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:

        async def one(call: Call) -> Answer:
            async with few:
                return await _answer(session, call)

        return tuple(await asyncio.gather(*map(one, calls)))


async def _answer(session: aiohttp.ClientSession, call: Call) -> Answer:
    """The answer; where its certificate is not good, also without minding that."""
    if call.scheme == "http":
        return await _asked(session, call, None)
    answer = await _asked(session, call, ssl.create_default_context())
    if answer.trusted is not False:
        return answer
    lenient = ssl.create_default_context()
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    return await _asked(session, call, lenient)


async def _asked(
    session: aiohttp.ClientSession, call: Call, context: ssl.SSLContext | None
) -> Answer:
    trusted = None if context is None else context.verify_mode == ssl.CERT_REQUIRED
    host = f"[{call.address}]" if ":" in call.address else call.address
    url = f"{call.scheme}://{host}:{_PORTS[call.scheme]}{PATH}"
    try:
        async with session.get(
            url,
            headers={"Host": call.name, "X-Request-ID": call.id, "Connection": "close"},
            allow_redirects=False,
            ssl=context if context is not None else True,
            server_hostname=call.name if context is not None else None,
        ) as answer:
            return Answer(call, answer.status, trusted=trusted)
    except aiohttp.ClientConnectorCertificateError as error:
        return Answer(call, problem=_words(error), trusted=False)
    except TimeoutError:
        return Answer(call, problem=f"no answer within {WITHIN_SECONDS:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(call, problem=_words(error))


def _words(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    told = getattr(inner, "strerror", None) or str(inner) or type(error).__name__
    first = told.splitlines()[0][:200]
    return first if first.isprintable() else ascii(first)
