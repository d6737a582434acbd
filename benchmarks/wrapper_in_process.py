"""The wrapper's cost without sockets: uvicorn's protocol, FastAPI, and a transport of paper.

Run by :mod:`benchmarks.wrapper_overhead` in the app's interpreter, with the runtime's folder on the
import path. Both apps live in one process and are asked in turns of a few hundred requests, so that
they share caches, memory layout and whatever else the machine does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import thread_time_ns
from typing import Any

import main
import uvicorn
from _tenfold.runtime.asgi import AsgiWrapper
from _tenfold.runtime.forwarded import believer
from _tenfold.runtime.metrics import Routes
from _tenfold.runtime.settings import RunSettings
from _tenfold.runtime.state import ProcessState

REQUEST = sys.argv[2].encode()
PEER = ("127.0.0.1", 4711)
TURN = 200


class Paper(asyncio.Transport):
    """Where answers go, and requests come from."""

    def __init__(self) -> None:
        super().__init__({"peername": PEER, "sockname": ("127.0.0.1", 8000)})
        self.answers = 0

    def write(self, data: Any) -> None:
        self.answers += data.startswith(b"HTTP/1.1 200")

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


async def asked(app: Any, headers: list[tuple[str, str]], *, proxy_headers: bool) -> Any:
    """A function that asks the app some hundred times and tells the nanoseconds per request."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        headers=headers,
        proxy_headers=proxy_headers,
        interface="asgi3",
    )
    config.load()
    server = uvicorn.Server(config)
    await server.on_tick(0)
    protocol = config.http_protocol_class(
        config=config, server_state=server.server_state, app_state={}
    )
    transport = Paper()
    protocol.connection_made(transport)

    async def turn() -> float:
        before, answers = thread_time_ns(), transport.answers
        for _ in range(TURN):
            protocol.data_received(REQUEST)
            while server.server_state.tasks:
                await asyncio.sleep(0)
        assert transport.answers == answers + TURN
        return (thread_time_ns() - before) / TURN

    return turn


async def measure(turns: int) -> None:
    """Print pairs of figures, plain and wrapped, as JSON."""
    wrapper = AsgiWrapper(ProcessState("4f2c1d9"), Routes(), lambda send: True)
    wrapper.app = main.app
    wrapper.believe = believer(RunSettings.trusted)
    plain = await asked(main.app, [], proxy_headers=True)
    wrapped = await asked(wrapper, [("Tenfold-Release", "4f2c1d9")], proxy_headers=False)
    for turn in (plain, wrapped):
        await turn()
    pairs = []
    for number in range(turns):
        if number % 2:
            first, second = await plain(), await wrapped()
        else:
            second, first = await wrapped(), await plain()
        pairs.append((first, second))
    print(json.dumps(pairs))


asyncio.run(measure(int(sys.argv[1])))
