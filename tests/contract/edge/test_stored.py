"""User files: served without the app; whatever they are, nothing of the site's is lost to them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.http import raw
from yarl import URL

from tenfold.topology.settings import Asset, EdgeSettings

pytestmark = pytest.mark.engine

SCRIPT = "<script>document.title = document.cookie</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg">{SCRIPT}</svg>'


@pytest.fixture
def settings() -> EdgeSettings:
    return EdgeSettings(
        assets=(Asset("/", "site/static"),),
        stored=(Asset("/media", "media"), Asset("/papers/open", "papers/open")),
        max_body_bytes=1000,
    )


def put(edge, name: str, content: str | bytes = "hello") -> Path:
    path = edge.storage / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def test_a_picture_is_shown(edge, client, app):
    put(edge, "media/2026/cat.JPG", "\xff\xd8")
    async with client.get("/media/2026/cat.JPG") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert "Content-Disposition" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-cache"
        assert len(answer.headers["X-Request-ID"]) == 32
    assert app.seen == []


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("x.html", SCRIPT, "application/octet-stream"),
        ("x.HTML", SCRIPT, "application/octet-stream"),
        ("x.htm", SCRIPT, "application/octet-stream"),
        ("x.xhtml", SCRIPT, "application/octet-stream"),
        ("x.svg", SVG, "image/svg+xml; charset=utf-8"),
        ("x.svgz", SVG, "application/octet-stream"),
        ("x.xml", SVG, "application/octet-stream"),
        ("x.js", "alert(1)", "application/octet-stream"),
        ("x.mjs", "alert(1)", "application/octet-stream"),
        ("x.css", "* {}", "application/octet-stream"),
        ("x.swf", "FWS", "application/octet-stream"),
        ("x.hta", SCRIPT, "application/octet-stream"),
        ("no-ending", SCRIPT, "application/octet-stream"),
        ("x.png.html", SCRIPT, "application/octet-stream"),
        ("x.png ", SCRIPT, "application/octet-stream"),
        ("x.html\n.png\n", SCRIPT, "application/octet-stream"),
        ("x.json", "{}", "application/json"),
    ],
)
async def test_what_a_browser_would_run_is_downloaded(edge, client, app, name, content, kind):
    put(edge, f"media/{name}", content)
    async with client.get(URL(f"/media/{quote(name)}", encoded=True)) as answer:
        assert answer.status == 200
        assert await answer.text() == content
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert "sandbox" in policy
        assert "default-src 'none'" in policy
        assert "allow-scripts" not in policy
    assert app.seen == []


@pytest.mark.parametrize("name", ["x.pdf", "x.txt", "x.mp4", "x.webp"])
async def test_what_it_only_shows_is_shown(edge, client, name):
    put(edge, f"media/{name}", SCRIPT)
    async with client.get(f"/media/{name}") as answer:
        assert answer.status == 200
        assert "Content-Disposition" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "html" not in answer.headers["Content-Type"]
        assert ("Content-Security-Policy" in answer.headers) == (name != "x.pdf")


@pytest.mark.parametrize(
    "name",
    [
        "a b.png",
        "größe.png",
        "猫 & dog's.png",
        "100%.png",
        "a+b?.png",
        "x#y.png",
        '"q".png',
        "a\\b.png",
        "a;b.png",
    ],
)
async def test_names(edge, client, name):
    put(edge, f"media/{name}", name)
    async with client.get(URL(f"/media/{quote(name)}", encoded=True)) as answer:
        assert answer.status == 200
        assert await answer.text() == name


@pytest.mark.parametrize(
    "path",
    [
        "/media/.env",
        "/media/.well-known/x",
        "/media/sub/.git/config",
        "/media/..data/x",
        "/media/sub",
        "/media/sub/",
        "/media/none.png",
        "/media/passwd",
        "/media/outside/secret.txt",
        "/media/inside.png",
        "/media/fifo.png",
        "//media//passwd",
        "/x/../media/.env",
        "/media%2F.env",
        "/papers/open/.env",
    ],
)
async def test_what_is_not_served_is_not_the_apps_to_serve_either(edge, app, path):
    put(edge, "media/.env")
    put(edge, "media/.well-known/x")
    put(edge, "media/..data/x")
    put(edge, "media/sub/.git/config")
    put(edge, "papers/open/.env")
    put(edge, "media/cat.png")
    (edge.storage / "media/inside.png").symlink_to("cat.png")
    (edge.storage / "media/passwd").symlink_to("/etc/passwd")
    (edge.root / "outside").mkdir()
    (edge.root / "outside/secret.txt").write_text("secret")
    (edge.storage / "media/outside").symlink_to("../../outside")
    os.mkfifo(edge.storage / "media/fifo.png")
    port = edge.settings.port
    status, headers, body = await raw(
        port, f"GET {path} HTTP/1.1\nHost: x\nAccept: text/event-stream\nConnection: close\n\n"
    )
    assert status == 404
    assert b"root:" not in body
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert app.seen == []


@pytest.mark.parametrize(
    "path", ["/media/../secret", "/media/%2e%2e/secret", "/media/..%2fsecret", "/media/..\\secret"]
)
async def test_nothing_outside_is_reached(edge, path):
    put(edge, "media/cat.png")
    (edge.storage / "secret").write_text("secret")
    _, _, body = await raw(
        edge.settings.port, f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n"
    )
    assert b"secret" not in body.replace(path.encode(), b"")


async def test_a_directory_that_is_not_named_is_not_served(edge, client, app):
    put(edge, "papers/private/x.pdf", "private")
    put(edge, "papers/open/x.pdf", "open")
    async with client.get("/papers/open/x.pdf") as answer:
        assert await answer.text() == "open"
    for path in ("/papers/private/x.pdf", "/papers/open/../private/x.pdf"):
        async with client.get(URL(path, encoded=True)) as answer:
            assert "private" not in (await answer.text()).replace(path, "").replace("private/x", "")
    assert len(app.seen) == 2


async def test_the_directory_itself_cannot_be_exchanged_for_a_link(edge, client):
    (edge.root / "elsewhere").mkdir()
    (edge.root / "elsewhere/x.png").write_text("x")
    (edge.storage / "papers").mkdir()
    (edge.storage / "papers/open").symlink_to("../../elsewhere")
    async with client.get("/papers/open/x.png") as answer:
        assert answer.status == 404


async def test_ranges_and_conditions(edge, client):
    put(edge, "media/film.mp4", "0123456789")
    put(edge, "media/long.txt", "text " * 4000)
    async with client.get("/media/film.mp4", headers={"Range": "bytes=2-4"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"234")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        tag = answer.headers["ETag"]
    async with client.get("/media/film.mp4", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    accept = {"Range": "bytes=5-8", "Accept-Encoding": "gzip"}
    async with client.get("/media/long.txt", headers=accept) as answer:
        assert (answer.status, await answer.read()) == (206, b"text")


async def test_a_file_is_there_at_once_and_gone_at_once(edge, client):
    path = put(edge, "media/a.png", "one")
    async with client.get("/media/a.png") as answer:
        assert await answer.text() == "one"
    path.unlink()
    async with client.get("/media/a.png") as answer:
        assert answer.status == 404
    path.write_text("another")
    async with client.get("/media/a.png") as answer:
        assert await answer.text() == "another"


async def test_other_methods_and_the_prefix_itself_are_the_apps(edge, client, app):
    put(edge, "media/a.png")
    async with client.post("/media/a.png", data=b"x" * 500) as answer:
        assert (answer.status, (await answer.json())["bytes"]) == (200, 500)
    async with client.delete("/media/a.png") as answer:
        assert answer.status == 200
    for path in ("/media", "/media/", "/mediated"):
        async with client.get(path) as answer:
            assert answer.status == 200
    async with client.head("/media/a.png") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "5")
    async with client.post("/media/a.png", data=b"x" * 5000) as answer:
        assert answer.status == 413
    assert app.seen == [
        "POST /media/a.png", "DELETE /media/a.png", "GET /media", "GET /media/", "GET /mediated"
    ]  # fmt: skip
