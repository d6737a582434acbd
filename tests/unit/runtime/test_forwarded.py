from __future__ import annotations

from typing import Any

import pytest

from tenfold.runtime.forwarded import Forwarded, ForwardedWsgi

TRUSTED = ("127.0.0.0/8", "127.0.0.1")


@pytest.mark.parametrize(
    ("kind", "peer", "client", "scheme"),
    [
        ("http", "127.3.2.1", "203.0.113.7", "https"),
        ("websocket", "127.0.0.1", "203.0.113.7", "wss"),
        ("http", "198.51.100.1", "198.51.100.1", "http"),
        ("http", "not an address", "not an address", "http"),
    ],
)
async def test_only_a_trusted_peer_says_who_asks(
    kind: str, peer: str, client: str, scheme: str
) -> None:
    seen: dict[str, Any] = {}

    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        seen.update(scope)

    headers = [(b"x-forwarded-for", b"10.0.0.1, 203.0.113.7"), (b"x-forwarded-proto", b"https")]
    scope = {"type": kind, "client": (peer, 4711), "scheme": "http", "headers": headers}
    await Forwarded(app, TRUSTED)(scope, None, None)
    assert (seen["client"][0], seen["scheme"]) == (client, scheme)


@pytest.mark.parametrize(
    ("peer", "client", "scheme"),
    [("127.0.0.1", "203.0.113.7", "https"), ("198.51.100.1", "198.51.100.1", "http")],
)
def test_the_same_for_wsgi(peer: str, client: str, scheme: str) -> None:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: object) -> list[bytes]:
        seen.update(environ)
        return []

    said = {"HTTP_X_FORWARDED_FOR": "203.0.113.7", "HTTP_X_FORWARDED_PROTO": "https"}
    ForwardedWsgi(app, TRUSTED)({"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", **said}, None)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == (client, scheme)


def test_an_unknown_scheme_is_not_believed() -> None:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: object) -> list[bytes]:
        seen.update(environ)
        return []

    said = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_PROTO": "gopher"}
    ForwardedWsgi(app, TRUSTED)({"wsgi.url_scheme": "http", **said}, None)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("127.0.0.1", "http")
