"""Whether a name leads here, asked of real servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tenfold.certificates import looking
from tenfold.certificates.state import Fault

TOKEN = "a-token-that-nobody-knows"


class Edge(BaseHTTPRequestHandler):
    """Shows a folder, or says what somebody else says."""

    folder: Path | None = None

    def do_GET(self) -> None:
        file = self.folder / self.path.rpartition("/")[2] if self.folder else None
        found = file is not None and file.exists()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(file.read_bytes() if found and file else b"welcome to another site")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), type("OneEdge", (Edge,), {}))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def port_of(server: ThreadingHTTPServer) -> int:
    return int(server.server_address[1])


def test_here(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    server.RequestHandlerClass.folder = tmp_path  # type: ignore[attr-defined]
    assert looking.require_here(["localhost"], tmp_path, TOKEN, port_of(server)) == ()
    assert list(tmp_path.iterdir()) == []


def test_somebody_else(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        looking.require_here(["localhost"], tmp_path, TOKEN, port_of(server))
    assert caught.value.kind == "name"
    assert "localhost leads to 127.0.0.1, where somebody else answers" in caught.value.what
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_no_reason_to_give_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (silent, *_) = looking.require_here(["localhost"], tmp_path, TOKEN, port)
    assert (silent.name, silent.verdict) == ("localhost", "silent")
    assert "refused" in silent.detail


def test_a_name_without_an_address(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"no-such-name\.invalid leads nowhere") as caught:
        looking.require_here(["no-such-name.invalid"], tmp_path, TOKEN)
    assert "A or AAAA record" in caught.value.next
