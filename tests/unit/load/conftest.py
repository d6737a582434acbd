"""Real HTTP servers on 127.0.0.1: good ones, and ones that break the protocol on purpose."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tenfold.load import LoadPlan, plan_load
from tenfold.spec.load import LoadTable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
OnConnection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ServeRaw = Callable[[OnConnection], Awaitable[str]]
Plan = Callable[..., LoadPlan]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server whose every request a handler answers; its URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            app = web.Application(client_max_size=2**30)
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0]
            return f"http://{host}:{port}"

        yield start


@pytest.fixture
async def serve_raw() -> AsyncIterator[ServeRaw]:
    """Start a server that talks bytes; its URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(on_connection: OnConnection) -> str:
            async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    await on_connection(reader, writer)
                writer.close()

            server = await asyncio.start_server(serving, "127.0.0.1", 0)
            stack.callback(server.close)
            host, port = server.sockets[0].getsockname()
            return f"http://{host}:{port}"

        yield start


@pytest.fixture
def plan() -> Plan:
    """A plan from keywords as in the ``[load]`` table; by default 50 requests, evenly, in 0.5 s."""

    def make(*requests: dict[str, Any], **table: Any) -> LoadPlan:
        merged = {"rate": 100, "duration": "500ms", "arrivals": "constant", **table}
        return plan_load(
            LoadTable.model_validate({**merged, "requests": requests or ({"path": "/"},)}),
            run_id="1f3a9c2e",
        )

    return make
