from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.app_process import AppProcess, Kind, Runtime, listening

Start = Callable[..., AppProcess]


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
def port(owned: socket.socket) -> int:
    """Its port."""
    return int(owned.getsockname()[1])


@pytest.fixture
def start(runtime: Runtime, owned: socket.socket) -> Start:
    """Start a server of a kind on the owned socket: ``start(UVICORN, entry="main:app")``."""

    def starting(kind: Kind, **more: Any) -> AppProcess:
        return runtime.start(kind.python(), owned, **{**kind.settings, **more})

    return starting
