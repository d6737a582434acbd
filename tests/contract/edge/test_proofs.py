"""What a certificate authority asks one edge of several, another one may know."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.contract.edge.conftest import App, Edge
from tests.support.certificates import put

from tenfold.engines.nginx import Found
from tenfold.engines.nginx.site import challenge_root, kept_certificate
from tenfold.topology.settings import EdgeSettings, Tls

pytestmark = pytest.mark.engine

NAME = "shop.example"
TOKENS = "/.well-known/acme-challenge"


@pytest.fixture
async def others() -> AsyncIterator[dict[str, object]]:
    """The edge of another zone, which knows one proof; and what it was asked."""
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        told = request.headers
        seen.append((request.path, told["Host"], told.get("Tenfold-Proof", "")))
        if request.path == f"{TOKENS}/theirs":
            return web.Response(text="their proof")
        return web.Response(status=404)

    site = web.Application()
    site.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    yield {"port": listener.getsockname()[1], "seen": seen}
    await runner.cleanup()


@pytest.fixture
def idle_edge(place: Path, found: Found, app: App, others: dict[str, object]) -> Iterator[Edge]:
    settings = EdgeSettings(names=(NAME,), tls=Tls(port=0, certificates="certificates"))
    port = others["port"]
    assert isinstance(port, int)
    made = Edge(place, found, app.port, settings, other_edges=(port,))
    scene = made.scene()
    put(Path(kept_certificate(scene.place, "certificates")), NAME)
    own = Path(challenge_root(scene.place, "certificates")) / TOKENS.strip("/")
    own.mkdir(parents=True)
    (own / "ours").write_text("our proof")
    yield made
    made.close()


async def asked(edge: Edge, token: str, **headers: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{edge.settings.port}{TOKENS}/{token}"
    async with (
        aiohttp.ClientSession() as client,
        client.get(url, headers={"Host": NAME, **headers}) as answer,
    ):
        return answer.status, await answer.text()


async def test_its_own_proof_is_shown_and_nobody_else_is_asked(edge, others):
    assert await asked(edge, "ours") == (200, "our proof")
    assert others["seen"] == []


async def test_a_proof_that_it_does_not_know_is_asked_for_by_the_sites_name(edge, others):
    assert await asked(edge, "theirs") == (200, "their proof")
    assert others["seen"] == [(f"{TOKENS}/theirs", NAME, "1")]


async def test_one_that_nobody_knows_is_not_there(edge, others):
    assert (await asked(edge, "nobodys"))[0] == 404
    assert len(others["seen"]) == 1


async def test_whoever_asks_on_behalf_of_an_edge_is_not_sent_round_in_a_circle(edge, others):
    assert (await asked(edge, "theirs", **{"Tenfold-Proof": "1"}))[0] == 404
    assert others["seen"] == []
