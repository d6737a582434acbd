"""Static files: served without the app, cached rightly, and never one too many."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from tests.support.http import raw
from yarl import URL

from tenfold.topology.settings import Asset, EdgeSettings

pytestmark = pytest.mark.engine

FOREVER = "public, max-age=31536000, immutable"


def put(edge, name: str, text: str = "hello", which: str = "current") -> Path:
    path = edge.assets(which) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_a_file_is_served_without_the_app(edge, client, app):
    put(edge, "sub/site.css", "p { color: red }")
    async with client.get("/static/sub/site.css") as answer:
        assert answer.status == 200
        assert await answer.text() == "p { color: red }"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.headers["X-Request-ID"]) == 32
    assert {"ETag", "Last-Modified"} <= answer.headers.keys()
    assert app.seen == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.unheard-of", "application/octet-stream"),
        ("no-suffix", "application/octet-stream"),
    ],
)
async def test_types(edge, client, name, kind):
    put(edge, name)
    async with client.get(f"/static/{name}") as answer:
        assert answer.headers["Content-Type"] == kind


@pytest.mark.parametrize(
    "name",
    [
        "app.3f2c9a1b.css",  # Parcel and many more: 8 hexadecimal digits
        "base.27e20196a850.js",  # Django's manifest: 12
        "main-5f4dcc3b5aa765d61d8327deb882cf99.css",  # MD5
        "chunk_0a1b2c3d4e5f60718293.js.map",  # webpack: 20
        "index-Bf7hS1oK.js",  # Vite, rollup: 8 of base 64
        "app-7YDFQSKC.js",  # esbuild: 8 of base 32
    ],
)
async def test_names_with_a_hash_never_change(edge, client, name):
    put(edge, name)
    async with client.get(f"/static/{name}") as answer:
        assert answer.headers["Cache-Control"] == FOREVER


@pytest.mark.parametrize(
    "name",
    [
        "jquery-3.7.1.min.js",
        "report-20240101.pdf",
        "logo-1024x768.png",
        "logo-1024X768.png",
        "team-Summer24.jpg",
        "main-homepage.js",
        "the-HomePage.js",
        "3f2c9a1b.css/site.css",
        "deadbeef.css",
        "x-effaceds.css",
        "SUMMER-2024SALE.png",
        "foo-bar-Baz1.js",
    ],
)
async def test_names_that_only_look_like_it_are_asked_for_again(edge, client, name):
    put(edge, name)
    async with client.get(f"/static/{name}") as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-cache"


async def test_not_modified(edge, client):
    put(edge, "app.js")
    async with client.get("/static/app.js") as answer:
        tag, when = answer.headers["ETag"], answer.headers["Last-Modified"]
    for condition in ({"If-None-Match": tag}, {"If-None-Match": f"W/{tag}"},
                      {"If-Modified-Since": when}):  # fmt: skip
        async with client.get("/static/app.js", headers=condition) as answer:
            assert answer.status == 304
            assert answer.headers["ETag"] == tag
            assert answer.headers["Cache-Control"] == "no-cache"
    async with client.get("/static/app.js", headers={"If-None-Match": '"other"'}) as answer:
        assert answer.status == 200


async def test_the_same_stamp_and_size_give_the_same_etag_in_another_release(edge, client):
    """So a release must give equal files equal times, and different files different ones."""
    for which in ("current", "previous"):
        os.utime(put(edge, f"{which}.js", which=which), (1_700_000_000, 1_700_000_000))
    async with client.get("/static/current.js") as one, client.get("/static/previous.js") as two:
        assert one.headers["ETag"] == two.headers["ETag"]


async def test_ranges(edge, client):
    put(edge, "film.mp4", "0123456789")
    async with client.get("/static/film.mp4", headers={"Range": "bytes=2-4"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"234")
        assert answer.headers["Content-Range"] == "bytes 2-4/10"
    async with client.get("/static/film.mp4", headers={"Range": "bytes=20-"}) as answer:
        assert answer.status == 416


async def test_compression(edge, client):
    put(edge, "big.css", "p { color: red }\n" * 200)
    put(edge, "small.css", "p { color: red }\n")
    put(edge, "big.png", "x" * 5000)
    accept = {"Accept-Encoding": "gzip"}
    async with client.get("/static/big.css", headers=accept) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["ETag"].startswith("W/")
        assert gzip.decompress(await answer.read()) == b"p { color: red }\n" * 200
    for plain in ("small.css", "big.png"):
        async with client.get(f"/static/{plain}", headers=accept) as answer:
            assert "Content-Encoding" not in answer.headers


async def test_the_previous_release_answers_for_what_the_current_one_has_not(edge, client, app):
    put(edge, "app.0a1b2c3d.js", "old", which="previous")
    put(edge, "both.js", "old", which="previous")
    put(edge, "both.js", "new")
    async with client.get("/static/app.0a1b2c3d.js") as answer:
        assert (await answer.text(), answer.headers["Cache-Control"]) == ("old", FOREVER)
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    async with client.get("/static/both.js") as answer:
        assert await answer.text() == "new"
    assert app.seen == []


async def test_a_swapped_link_counts_at_once(edge, client):
    """Deploys swap the link; the edge is not told."""
    put(edge, "app.js", "old")
    assets = edge.root / "assets"
    (assets / "current").rename(assets / "release-1")
    os.symlink("release-1", assets / "current")
    async with client.get("/static/app.js") as answer:
        assert await answer.text() == "old"
    (assets / "release-2/site/static").mkdir(parents=True)
    (assets / "release-2/site/static/app.js").write_text("new")
    os.symlink("release-2", assets / "fresh")
    os.replace(assets / "fresh", assets / "current")
    async with client.get("/static/app.js") as answer:
        assert await answer.text() == "new"


@pytest.mark.parametrize(
    "path", ["/static/", "/static", "/static/sub", "/static/sub/", "/static/no.css"]
)
async def test_what_is_no_file_is_the_apps_to_answer(edge, client, app, path):
    put(edge, "sub/site.css")
    async with client.get(path) as answer:
        assert answer.status == 200
    assert app.seen == [f"GET {path}"]


async def test_nothing_is_written_to_a_static_file(edge, client):
    put(edge, "site.css")
    async with client.post("/static/site.css", data=b"x") as answer:
        assert answer.status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.py",
        "/static/%2e%2e/secret.py",
        "/static/..%2fsecret.py",
        "/static/sub/../../secret.py",
        "/static//../secret.py",
        "/static/..\\secret.py",
        "/static/..;/secret.py",
        "/static/.env",
        "/static/sub/.git/config",
        "/static/link-out",
        "/static/folder-out/secret.py",
        "/static/site.css%00.png",
        "/static/%c0%ae%c0%ae/secret.py",
        "/../../../../../../etc/passwd",
        "/static/../../../../../../../../etc/passwd",
    ],
)
async def test_no_path_leads_out(edge, app, path):
    static = edge.assets("current")
    (static.parent / "secret.py").write_text("s3cret")
    put(edge, ".env", "s3cret")
    put(edge, "sub/.git/config", "s3cret")
    put(edge, "site.css", "hello")
    os.symlink("../secret.py", static / "link-out")
    os.symlink("..", static / "folder-out")
    request = f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n"
    status, _, body = await raw(edge.settings.port, request)
    assert b"s3cret" not in body
    assert b"root:" not in body
    assert status == 400 or len(app.seen) == 1


async def test_well_known_is_not_hidden(edge, client):
    put(edge, ".well-known/security.txt", "mail us")
    async with client.get("/static/.well-known/security.txt") as answer:
        assert await answer.text() == "mail us"


ODD = Asset('/stätic files/$1(a)+"b"', 'dist/$out "1"; }')


@pytest.mark.parametrize("settings", [EdgeSettings(assets=(ODD,))])
async def test_odd_names_mean_themselves(edge, client, app):
    folder = edge.root / "assets/current" / ODD.directory
    folder.mkdir(parents=True)
    (folder / "ü &.css").write_text("p {}")
    prefix = "/st%C3%A4tic%20files/$1(a)+%22b%22"
    async with client.get(URL(f"{prefix}/%C3%BC%20&.css", encoded=True)) as answer:
        assert (answer.status, await answer.text()) == (200, "p {}")
    assert app.seen == []


SEVERAL = (Asset("/", "public"), Asset("/static", "wide"), Asset("/static/admin", "narrow"))


@pytest.mark.parametrize("settings", [EdgeSettings(assets=SEVERAL)])
async def test_the_most_specific_prefix_answers(edge, client, app):
    for asset in SEVERAL:
        folder = edge.root / "assets/current" / asset.directory
        folder.mkdir(parents=True)
        (folder / "here.txt").write_text(asset.directory)
    for path, directory in (("/", "public"), ("/static/", "wide"), ("/static/admin/", "narrow")):
        async with client.get(f"{path}here.txt") as answer:
            assert await answer.text() == directory
    assert app.seen == []
    async with client.ws_connect("/talk") as talk:
        await talk.send_str("hello")
        assert await talk.receive_str() == "you said hello"
    for path in ("/", "/static/", "/no-such-file"):
        async with client.get(path) as answer:
            assert answer.status == 200
    assert app.seen == ["GET /", "GET /static/", "GET /no-such-file"]
