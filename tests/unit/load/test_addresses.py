"""A site at several addresses: one that cannot be reached is left for the next, as browsers do."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from tenfold.errors import Refused
from tenfold.load import run_load


async def test_an_address_that_refuses_costs_nothing(
    serve: Any, plan: Any, unused_tcp_port: int
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.host)
        return web.Response(text="fine")

    live = URL(await serve(answer)).port or 0
    at = (("127.0.0.1", unused_tcp_port), ("127.0.0.1", live))
    report = await run_load(plan(connections="fresh"), "http://127.0.0.1:8000", at=at)
    assert (report.overall.succeeded, report.overall.failed) == (50, 0)
    assert set(asked) == {"127.0.0.1:8000"}, "asked by the site's name, wherever it is"


async def test_visitors_come_to_every_address(serve: Any, plan: Any) -> None:
    asked: set[int] = set()

    def answers(number: int) -> Any:
        async def answer(request: web.Request) -> web.Response:
            asked.add(number)
            return web.Response(text="fine")

        return answer

    ports = [URL(await serve(answers(n))).port or 0 for n in range(2)]
    at = tuple(("127.0.0.1", port) for port in ports)
    report = await run_load(plan(connections="fresh"), "http://shop.example", at=at)
    assert report.overall.failed == 0
    assert asked == {0, 1}


async def test_without_addresses_a_remote_site_needs_leave(plan: Any) -> None:
    with pytest.raises(Refused):
        await run_load(plan(), "http://192.0.2.1", at=())
