"""Published pages beside the app's answers: what is compared, and what is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tenfold.transitions.perform.comparing import (
    MOST_SILENT,
    Answer,
    Comparison,
    Difference,
    compare,
    differences,
)
from tenfold.transitions.telling import Lasting

PAGE = Answer(200, "text/html", "Shop", "https://shop.example/")


@pytest.mark.parametrize(
    ("app", "what"),
    [
        (PAGE, []),
        (Answer(404, "text/html"), ["status"]),
        (Answer(200, "text/plain", "Shop", "https://shop.example/"), ["type"]),
        (Answer(200, "text/html", "Shop 2", None), ["title", "canonical"]),
    ],
)
def test_what_differs(app: Answer, what: list[str]) -> None:
    assert [d.what for d in differences("/", PAGE, app)] == what


def test_the_words_name_both() -> None:
    told = Difference("/a/", "status", "200", "404").sentence
    assert told == "/a/: status 200 as published, 404 from the app"


class Site(BaseHTTPRequestHandler):
    """Answers by path; of the app's, ``/about`` alone, and only to its own name."""

    def do_GET(self) -> None:
        named = self.headers["Host"] == "shop.example"
        published = not named
        title = {"/": "Shop", "/about/": "About", "/news/": "Old" if published else "New"}
        pages = title if published else {"/": "Shop", "/about": "About", "/news/": "New"}
        found = pages.get(self.path)
        if self.path == "/feed" and found is None:
            self._send(200, "application/rss+xml" if named else "application/octet-stream", "x")
        elif found is None:
            self._send(404, "text/html", "")
        else:
            link = "<link rel=canonical href='/'>"
            self._send(200, "text/html", f"<head><title>\n {found}</title>{link}</head>")

    def _send(self, status: int, kind: str, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_page_is_asked_for_in_both_places(url: str) -> None:
    told: list[str] = []
    who = Comparison(published=url, app=url, site="https://shop.example")
    found = compare(who, ["/", "/about/", "/feed", "/gone/", "/news/"], told.append)
    assert [(d.path, d.what, d.published, d.app) for d in found] == [
        ("/feed", "type", "'application/octet-stream'", "'application/rss+xml'"),
        ("/news/", "title", "'Old'", "'New'"),
    ]
    assert told[-1] == "5 of 5 pages"


def test_whoever_does_not_answer_is_told_of_and_is_no_difference(url: str) -> None:
    told: list[str] = []
    nobody = "http://127.0.0.1:9"
    paths = [f"/{n}" for n in range(MOST_SILENT + 5)]
    assert compare(Comparison(nobody, url, "https://shop.example"), paths, told.append) == []
    assert [t for t in told if isinstance(t, Lasting)] == [
        f"{nobody} does not answer: its pages are not compared"
    ]
