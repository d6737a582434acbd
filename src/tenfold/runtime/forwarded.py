"""What the edge says about a client: servers do not read it themselves, or do not read it fast.

uvicorn's ``ProxyHeadersMiddleware`` is one more app around the app, and makes a dictionary of all
headers for every request; here two of them are looked for, and what they said is remembered.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from . import lines

_REMEMBERED: Final = 256
_SCHEMES: Final = ("http", "https")
_BOTH: Final = 2
Believe = Callable[[Any], None]


def believer(trusted: tuple[str, ...]) -> Believe:
    """A function that puts the client and the scheme of ``X-Forwarded-For`` and ``-Proto`` into an
    ASGI scope, if they are said by one of ``trusted``: addresses or networks."""
    trusts = _trust(trusted)

    def believe(scope: Any) -> None:
        client = scope.get("client")
        if client and trusts(client[0]):
            _believe(scope)

    return believe


class Forwarded:
    """Has an ASGI app see what :func:`believer` believes."""

    def __init__(self, app: Callable[..., Awaitable[None]], trusted: tuple[str, ...]) -> None:
        self._app = app
        self._believe = believer(trusted)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, WebSocket or lifespan."""
        lines.current.set(scope)
        self._believe(scope)
        await self._app(scope, receive, send)


class ForwardedWsgi:
    """The same for a WSGI app."""

    def __init__(self, app: Callable[..., Iterable[bytes]], trusted: tuple[str, ...]) -> None:
        self._app = app
        self._trusts = _trust(trusted)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request."""
        lines.current.set(environ.get(lines.VARIABLE))
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            client = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip()
            environ["REMOTE_ADDR"] = client or environ["REMOTE_ADDR"]
            if scheme in _SCHEMES:
                environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)


def _trust(trusted: tuple[str, ...]) -> Callable[[str], bool]:
    networks = [ipaddress.ip_network(t) for t in trusted]

    @lru_cache(_REMEMBERED)
    def trusts(address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in network for network in networks)
        except ValueError:
            return False

    return trusts


def _believe(scope: dict[str, Any]) -> None:
    seen = 0
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            scope["client"] = _client(value)
            seen += 1
        elif name == b"x-forwarded-proto":
            seen += 1
            scheme = _last(value)
            if scheme in _SCHEMES:
                is_http = scope["type"] == "http"
                scope["scheme"] = scheme if is_http else scheme.replace("http", "ws")
        if seen == _BOTH:  # the edge says them first, and once
            return


@lru_cache(_REMEMBERED)
def _last(value: bytes) -> str:
    return value.decode("latin-1").rpartition(",")[2].strip()


@lru_cache(_REMEMBERED)
def _client(value: bytes) -> tuple[str, int]:
    return _last(value), 0
