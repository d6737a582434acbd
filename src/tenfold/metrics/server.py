"""``/metrics`` on the agent's loopback socket. Asked often or seldom, it tells what is known."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from tenfold.metrics.exposition import Families
from tenfold.metrics.snapshot import Snapshot

PATH = "/metrics"
REQUEST_SECONDS = 10.0
MAX_AT_ONCE = 8
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()[:2]
        self.setup_environ()
        self._free = threading.BoundedSemaphore(MAX_AT_ONCE)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked went away: nobody is left to tell."""


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: who asks every few seconds would fill the log."""


class Endpoint:
    """The server, in threads of its own."""

    def __init__(self, listener: socket.socket, latest: Callable[[], Snapshot | None]) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Families(latest))
        self._server = _Server(listener)
        self._server.set_app(_only_here(make_wsgi_app(registry)))

    def start(self) -> None:
        """Serve from now on."""
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Take no more requests."""
        self._server.shutdown()


def _only_here(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Answer under one path, and under names of this machine alone: a page that visitors of this
    machine's browser open must not read it under a name of its own."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        name = str(environ.get("HTTP_HOST", "localhost")).rpartition(":")
        host = name[0] if name[1] and name[2].isdigit() else environ.get("HTTP_HOST", "localhost")
        status, text = "", b""
        if host not in _HOSTS:
            status, text = "403 Forbidden", b"only 127.0.0.1 and localhost are served\n"
        elif environ["PATH_INFO"] != PATH:
            status, text = "404 Not Found", b"/metrics is all there is\n"
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, text = "405 Method Not Allowed", b"GET /metrics\n"
        if not status:
            return app(environ, start_response)
        length = str(len(text))
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", length)])
        return [text]

    return answer
