"""What stands in for Netlify: deploys by digest, as its API is documented, on this machine alone.

It checks every content against the digest that was announced, answers busy and broken on request,
and serves a deploy only when all of it is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "nfp_a-token-that-nobody-may-see"
SITE = "bakery"
PAGE = 100


@dataclass
class Deploy:
    """One deploy: what it shall have, and how far it is."""

    id: str
    title: str
    files: dict[str, str]
    state: str = "preparing"
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    looks: int = 0


class Netlify:
    """One account with one site. Set the attributes to have it misbehave."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.deploys: dict[str, Deploy] = {}
        self.published: str | None = None
        self.uploads: list[tuple[str, int]] = []
        self.requests: list[str] = []
        self.busy = 0  # so many requests are answered 429
        self.broken = 0  # so many requests are answered 503
        self.damages = False  # what arrives is not what was sent
        self.gives_up = False  # the deploy fails there
        self.stopped = False  # auto publishing is off
        self.before_upload: Callable[[], None] = lambda: None
        self.guard = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def served(self) -> dict[str, bytes]:
        """What people see."""
        if self.published is None:
            return {}
        files = self.deploys[self.published].files
        return {path.lstrip("/"): self.contents[sha] for path, sha in files.items()}

    def required(self, deploy: Deploy) -> list[str]:
        return sorted(set(deploy.files.values()) - self.contents.keys())

    def somebody_else(self, files: dict[str, bytes]) -> None:
        """Another user publishes."""
        with self.guard:
            for content in files.values():
                self.contents[hashlib.sha1(content).hexdigest()] = content
            made = {f"/{p}": hashlib.sha1(c).hexdigest() for p, c in files.items()}
            deploy = self.create("by hand", made)
            self.advance(deploy)

    def create(self, title: str, files: dict[str, str]) -> Deploy:
        deploy = Deploy(f"{len(self.deploys) + 1:024x}", title, files)
        self.deploys[deploy.id] = deploy
        return deploy

    def advance(self, deploy: Deploy) -> None:
        """What happens by itself: an announced deploy is compared, a whole one is served."""
        if deploy.state in ("error", "ready"):
            return
        if self.gives_up:
            deploy.state = "error"
        elif self.required(deploy):
            deploy.state = "uploading" if deploy.state == "uploading" else "prepared"
        else:
            deploy.state = "ready"
            if not self.stopped:
                self.published = deploy.id

    def told(self, deploy: Deploy) -> dict[str, Any]:
        return {
            "id": deploy.id,
            "title": deploy.title,
            "state": deploy.state,
            "context": "production",
            "created_at": deploy.at,
            "published_at": deploy.at if deploy.state == "ready" else None,
            "required": self.required(deploy) if deploy.state != "preparing" else [],
            "error_message": "Deploy did not succeed" if deploy.state == "error" else None,
        }


def _handler(netlify: Netlify) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with netlify.guard:
                netlify.requests.append(f"{method} {self.path}")
                if netlify.busy:
                    netlify.busy -= 1
                    self._send(429, {"message": "slow down"}, reset=time.time() + 0.2)
                    return
                if netlify.broken:
                    netlify.broken -= 1
                    self._send(503, {"message": "out of order"})
                    return
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    self._send(401, {"code": 401, "message": "Access Denied"})
                    return
                parts = urlsplit(self.path)
                way = [unquote(part) for part in parts.path.split("/")][1:]
                self._route(method, way, parse_qs(parts.query), body)

        def _route(self, method: str, way: list[str], query: Any, body: bytes) -> None:
            match method, way:
                case "PUT", ["api", "v1", "deploys", id_, "files", *path]:
                    self._upload(id_, "/" + "/".join(path), body)
                case "POST", ["api", "v1", "deploys", id_, "cancel"]:
                    netlify.deploys[id_].state = "error"
                    self._send(201, netlify.told(netlify.deploys[id_]))
                case _, ["api", "v1", "sites", name, *rest] if name == f"{SITE}.netlify.app":
                    self._site(method, rest, query, body)
                case _:
                    self._send(404, {"code": 404, "message": "Not Found"})

        def _site(self, method: str, rest: list[str], query: Any, body: bytes) -> None:
            match method, rest:
                case "GET", []:
                    at = netlify.published
                    now = netlify.told(netlify.deploys[at]) if at else None
                    self._send(200, {"id": "1", "name": SITE, "published_deploy": now})
                case "GET", ["files"]:
                    self._files(int(query.get("page", ["1"])[0]))
                case "GET", ["deploys"]:
                    told = [netlify.told(one) for one in reversed(netlify.deploys.values())]
                    self._send(200, told)
                case "POST", ["deploys"]:
                    data = json.loads(body)
                    assert data["async"] is True
                    title = query.get("title", [""])[0]
                    self._send(200, netlify.told(netlify.create(title, data["files"])))
                case "GET", ["deploys", id_]:
                    deploy = netlify.deploys[id_]
                    deploy.looks += 1
                    if deploy.looks > 1:  # it takes a moment to compare
                        netlify.advance(deploy)
                    self._send(200, netlify.told(deploy))
                case "POST", ["deploys", id_, "restore"]:
                    netlify.published = id_
                    self._send(201, netlify.told(netlify.deploys[id_]))
                case _:
                    self._send(404, {"code": 404, "message": "Not Found"})

        def _files(self, page: int) -> None:
            deploy = netlify.deploys[netlify.published or ""]
            found = [
                {"id": path, "path": path, "sha": sha, "size": len(netlify.contents[sha])}
                for path, sha in sorted(deploy.files.items())
            ]
            shown = found[(page - 1) * PAGE : page * PAGE]
            more = page * PAGE < len(found)
            link = f"<{netlify.url}{urlsplit(self.path).path}?page={page + 1}>; rel=next"
            self._send(200, shown, link=link if more else None)

        def _upload(self, id_: str, path: str, body: bytes) -> None:
            netlify.before_upload()
            deploy = netlify.deploys[id_]
            sha = hashlib.sha1(body if not netlify.damages else body + b"!").hexdigest()
            if deploy.files.get(path) != sha:
                self._send(422, {"code": 422, "message": "digest does not match"})
                return
            netlify.contents[sha] = body
            netlify.uploads.append((path, len(body)))
            deploy.state = "uploading"
            netlify.advance(deploy)
            self._send(200, {"id": path, "sha": sha})

        def _send(
            self, status: int, data: Any, *, reset: float | None = None, link: str | None = None
        ) -> None:
            content = json.dumps(data).encode()
            self.send_response(status)
            if reset is not None:
                self.send_header("X-RateLimit-Reset", str(int(reset)))
            if link is not None:
                self.send_header("Link", link)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextlib.contextmanager
def running() -> Iterator[Netlify]:
    netlify = Netlify()
    netlify.serve()
    try:
        yield netlify
    finally:
        netlify.close()
