"""A real receiver of webhooks, which can be told to refuse."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What came, in order; ``refuses`` is what it answers instead of 200, and ``tried`` how often
    somebody came."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.tried = 0
        self.refuses = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.tried += 1
                if receiver.refuses:
                    self.send_response(receiver.refuses)
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                else:
                    receiver.messages.append({**told, "path": self.path})
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks/t0ken-nobody-may-see"

    def of(self, alert: str, state: str | None = None) -> list[dict[str, Any]]:
        """The messages about this, in this state."""
        return [m for m in self.messages if m["alert"] == alert and state in (None, m["state"])]

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.serve()
    try:
        yield receiver
    finally:
        receiver.close()
