"""The same switches behind a real nginx, whose kept upstream connections are the hard part."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.app_servers.conftest import Start
from tests.contract.app_servers.test_handover import posting
from tests.support.app_process import GTHREAD, PLAIN_UVICORN, SYNC, UVICORN, Kind
from tests.support.edge import as_nobody, nobodys_folder
from tests.support.keepalive import Upstream

from tenfold.engines.nginx import find
from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

SWITCHES = 10
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
def folder() -> Iterator[Path]:
    """A folder that nginx, which does not run as root, may write to."""
    with nobodys_folder() as made:
        yield made


@pytest.fixture
def nginx(folder: Path, owned: socket.socket) -> Iterator[int]:
    """The port of an nginx in front of the owned socket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
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


@pytest.mark.parametrize("kind", [UVICORN, PLAIN_UVICORN, SYNC, GTHREAD], ids=lambda k: k.name)
async def test_no_post_fails_in_ten_switches(kind: Kind, start: Start, nginx: int) -> None:
    serving = await asyncio.to_thread(start(kind, release="r0").accept)
    left = []
    upstream = Upstream(nginx)
    async with posting(upstream):
        for number in range(1, SWITCHES + 1):
            successor = start(kind, release=f"r{number}")
            await asyncio.to_thread(successor.accept)
            served = upstream.done
            assert await asyncio.to_thread(serving.order, control.QUIESCE) == {"ok": True}
            left.append(serving)
            serving = successor
            async with asyncio.timeout(60):
                while upstream.done < served + 100 or f"r{number}" not in upstream.releases:
                    await asyncio.sleep(0.01)
    codes = [await asyncio.to_thread(process.wait) for process in left]
    print(f"{kind.name} behind nginx: {upstream.done} POSTs")
    assert upstream.failures == []
    assert codes == [0] * SWITCHES, [p.text() for p, code in zip(left, codes, strict=True) if code]
    assert len(upstream.releases) == SWITCHES + 1
