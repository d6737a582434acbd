"""A git repository over HTTP: git's own http-backend, behind a server that asks who one is."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKEN = "ghp_a-token-that-nobody-may-see"


class GitServer:
    """Serves every repository in a folder; ``leads`` is where it sends everybody, if anywhere."""

    def __init__(self, root: Path) -> None:
        self.leads: str | None = None
        self.came: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self._body())

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _serve(self, body: bytes) -> None:
                given = self.headers.get("Authorization")
                server.came.append(given)
                if server.leads is not None:
                    self._send(302, [("Location", server.leads + self.path)], b"")
                    return
                want = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
                if given != f"Basic {want}":
                    self._send(401, [("WWW-Authenticate", 'Basic realm="git"')], b"who are you?")
                    return
                self._send(*self._backend(body))

            def _backend(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                parts = urlsplit(self.path)
                environ = {
                    **os.environ,
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": parts.path,
                    "QUERY_STRING": parts.query,
                    "REQUEST_METHOD": self.command,
                    "REMOTE_USER": "anna",
                    "REMOTE_ADDR": "127.0.0.1",
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }
                done = subprocess.run(
                    ["git", "http-backend"],
                    input=body,
                    env=environ,
                    capture_output=True,
                    check=True,
                )
                head, _, content = done.stdout.partition(b"\r\n\r\n")
                pairs = [line.decode().split(": ", 1) for line in head.split(b"\r\n")]
                status = next((int(v.split()[0]) for k, v in pairs if k == "Status"), 200)
                return status, [(k, v) for k, v in pairs if k != "Status"], content

            def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def running(root: Path) -> Iterator[GitServer]:
    server = GitServer(root)
    server.serve()
    try:
        yield server
    finally:
        server.close()
