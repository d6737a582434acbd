from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.support import keepalive
from tests.support.app_process import AppProcess, Kind, Runtime, listening
from tests.support.keepalive import Connection

Start = Callable[..., AppProcess]
Connect = Callable[[], Awaitable[Connection]]


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A copy of the runtime; what was started from it is gone afterwards."""
    made = Runtime()
    yield made
    made.close()


@pytest.fixture
def owned() -> Iterator[socket.socket]:
    """The listening socket that an agent owns."""
    with listening() as made:
        yield made


@pytest.fixture
async def connect(owned: socket.socket) -> AsyncIterator[Connect]:
    """Connect to it; connections are closed afterwards."""
    made: list[Connection] = []

    async def connecting() -> Connection:
        made.append(await keepalive.connect(owned.getsockname()[1]))
        return made[-1]

    yield connecting
    for connection in made:
        connection.close()


@pytest.fixture
def start(runtime: Runtime, owned: socket.socket) -> Start:
    """Start a server of a kind on the owned socket: ``start(UVICORN, entry="main:app")``."""

    def starting(kind: Kind, **more: Any) -> AppProcess:
        return runtime.start(kind.python(), owned, **{**kind.settings, **more})

    return starting
