"""What became of one request, and the names of the ways in which it can fail."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import aiohttp

EXAMPLE_CHARACTERS = 200

_OUT_OF_ROOM = {
    errno.EADDRNOTAVAIL: "client out of ports",
    errno.EMFILE: "client out of files",
    errno.ENFILE: "client out of files",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed: a kind to count by, and what was seen this time."""

    kind: str
    example: str


SATURATED = Failure(
    "client saturated", "not sent: as many requests were in flight as max_in_flight allows"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one request.

    `status` is that of an answer received to its end; None where there was none. `finished` is the
    time on the caller's clock. `failure` is None where the transport worked: whether the status is
    the wanted one is for the request's plan to say. `excerpt` is the beginning of the body of an
    answer from 400 on.
    """

    finished: float
    status: int | None = None
    failure: Failure | None = None
    excerpt: str = ""


def failure_of(error: aiohttp.ClientError | OSError) -> Failure:
    """The failure that an exception from the transport stands for.

    One kind for one cause as the site's operator sees it: refused connections, connections closed
    without an answer (also a pooled one that the site closed just then), resets, answers cut off.
    """
    return Failure(_kind_of(error), f"{type(error).__name__}: {error}"[:EXAMPLE_CHARACTERS])


def _kind_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _OUT_OF_ROOM:
        return _OUT_OF_ROOM[error.errno]
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection not made"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "closed without an answer"
    if isinstance(error, OSError):
        return "connection reset"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "answer cut off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "answer is not HTTP"
    return type(error).__name__
