"""Pictures."""

from __future__ import annotations

import io
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from conduit import media
from support import Browser, Person


def picture(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, kind)
    return out.getvalue()


def size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as shown:
        return shown.size


def stored(app: FastAPI) -> list[Path]:
    directory: Path = app.state.settings.media_dir
    return sorted(directory.iterdir()) if directory.exists() else []


async def publish(browser: Browser, data: bytes, name: str = "a.png") -> httpx.Response:
    await browser.open("/editor")
    fields = {"title": "With a picture", "description": "d", "body": "b", "tags": ""}
    files = {"cover": (name, data, "image/png")}
    return await browser.send("/editor", files=files, **fields)


@pytest.fixture
async def writer(browser: Browser, ada: Person, app: FastAPI) -> Browser:
    for file in stored(app):
        file.unlink()
    await browser.sign_in(ada)
    return browser


async def test_a_cover_is_stored_shown_replaced_and_removed(writer: Browser, app: FastAPI) -> None:
    await publish(writer, picture())
    page = await writer.open("/article/with-a-picture")
    address = re.search(r"/media/[0-9a-f]{32}\.jpg", page)
    assert address
    response = await writer.client.get(address[0])
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert "immutable" in response.headers["cache-control"]
    assert size(response.content) == (64, 48)
    fields = {"title": "With a picture", "description": "d", "body": "b", "tags": ""}
    await writer.open("/editor/with-a-picture")
    files = {"cover": ("b.jpg", picture(kind="JPEG"), "image/jpeg")}
    await writer.send("/editor/with-a-picture", files=files, **fields)
    assert (await writer.client.get(address[0])).status_code == 404
    assert len(stored(app)) == 1
    await writer.send("/editor/with-a-picture", **fields)
    assert len(stored(app)) == 1
    await writer.send("/editor/with-a-picture", remove_cover="1", **fields)
    assert stored(app) == []
    assert 'class="art"' in await writer.open("/article/with-a-picture")


async def test_an_article_whose_picture_is_gone_gets_its_landscape_back(
    writer: Browser, app: FastAPI
) -> None:
    await publish(writer, picture())
    stored(app)[0].unlink()
    page = await writer.open("/article/with-a-picture")
    assert "/media/" not in page
    assert '<svg class="art"' in page


async def test_big_pictures_become_small(writer: Browser, app: FastAPI) -> None:
    await publish(writer, picture(4000, 2000))
    assert size(stored(app)[0].read_bytes()) == (1600, 800)


@pytest.mark.parametrize(
    "data",
    [
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        picture(kind="GIF"),
        picture()[:60],
    ],
)
async def test_what_is_no_picture_is_refused(writer: Browser, app: FastAPI, data: bytes) -> None:
    response = await publish(writer, data)
    assert response.status_code == 422
    assert "The picture is not a JPEG, PNG or WebP picture" in response.text
    assert 'value="With a picture"' in response.text or "With a picture</textarea>" in response.text
    assert stored(app) == []


async def test_what_is_too_big_is_refused(
    writer: Browser, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = await publish(writer, b"x" * (media.MAX_BYTES + 1))
    assert response.status_code == 422
    assert "The picture is too big" in response.text
    response = await publish(writer, b"x" * (media.MAX_BYTES + 2 * 1024 * 1024))
    assert response.status_code == 413
    monkeypatch.setattr(media, "MAX_PIXELS", 64 * 48 - 1)
    response = await publish(writer, picture())
    assert "The picture has too many pixels" in response.text
    assert stored(app) == []


async def test_metadata_is_not_kept(writer: Browser, app: FastAPI) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    Image.new("RGB", (10, 10)).save(out, "JPEG", exif=exif)
    assert b"A camera" in out.getvalue()
    await publish(writer, out.getvalue())
    assert b"A camera" not in stored(app)[0].read_bytes()


@pytest.mark.parametrize("name", ["../conduit/main.py", "x.jpg", "%2e%2e%2fx", "0" * 32 + ".jpg"])
async def test_only_pictures_are_served(browser: Browser, name: str) -> None:
    assert (await browser.client.get(f"/media/{name}")).status_code == 404


async def test_a_directory_that_cannot_be_written(
    writer: Browser, app: FastAPI, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    directory = app.state.settings.media_dir
    object.__setattr__(app.state.settings, "media_dir", blocked)
    try:
        response = await publish(writer, picture())
    finally:
        object.__setattr__(app.state.settings, "media_dir", directory)
    assert response.status_code == 422
    assert "cannot be stored at the moment" in response.text
