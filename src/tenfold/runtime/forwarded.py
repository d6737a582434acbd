"""What the edge says about a client, for servers that do not read it themselves."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from . import lines

_REMEMBERED: Final = 256
_SCHEMES: Final = ("http", "https")


class Forwarded:
    """Gives an ASGI app the client and the scheme of ``X-Forwarded-For`` and ``-Proto``.

    They are believed only from ``trusted``: addresses or networks.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], trusted: tuple[str, ...]) -> None:
        self._app = app
        self._trusts = _trust(trusted)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, WebSocket or lifespan."""
        lines.current.set(scope)
        client = scope.get("client")
        if client and self._trusts(client[0]):
            _believe(scope)
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
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            scope["client"] = (_last(value), 0)
        elif name == b"x-forwarded-proto":
            scheme = _last(value)
            if scheme in _SCHEMES:
                is_http = scope["type"] == "http"
                scope["scheme"] = scheme if is_http else scheme.replace("http", "ws")


def _last(value: bytes) -> str:
    return value.decode("latin-1").rpartition(",")[2].strip()
