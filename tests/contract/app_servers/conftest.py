from __future__ import annotations

import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import keepalive
from tests.support.app_process import AppProcess, Kind, Runtime, listening
from tests.support.edge import as_nobody, nobodys_folder
from tests.support.keepalive import Connection
from tests.support.ports import free_port

from tenfold.engines.nginx import find

Start = Callable[..., AppProcess]
Connect = Callable[[], Awaitable[Connection]]

CONFIG = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    upstream app {{
        server 127.0.0.1:{app} max_fails=0;
        keepalive 64; keepalive_timeout 2s; keepalive_requests 100000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
        }}
    }}
}}
"""


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


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that nginx, which does not run as root, may write to."""
    with nobodys_folder() as made:
        yield made


@pytest.fixture
def nginx(folder: Path, owned: socket.socket) -> Iterator[int]:
    """The port of an nginx in front of the owned socket."""
    port = free_port()
    text = CONFIG.format(app=owned.getsockname()[1], port=port)
    (folder / "nginx.conf").write_text(text)
    command = [find().path, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **as_nobody())
    try:
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
    finally:
        process.terminate()
        process.wait(10)
