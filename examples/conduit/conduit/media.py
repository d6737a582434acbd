"""Pictures that people upload: checked by content, made small, stored under a random name."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

from anyio import to_thread

from conduit.errors import Invalid

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 40_000_000
WIDEST = 1600
NAME = r"^[0-9a-f]{32}\.jpg$"
FORMATS = ("JPEG", "PNG", "WEBP")


async def store_picture(directory: Path, data: bytes) -> str:
    """Store a picture and return its file name. Raises Invalid, with a message for the field cover.

    It is decoded and encoded anew: what is stored is a picture whatever was sent, without the
    place and camera that phones write into theirs.
    """
    if len(data) > MAX_BYTES:
        raise Invalid({"cover": [f"is too big (maximum is {MAX_BYTES // 1024 // 1024} MB)"]})
    return await to_thread.run_sync(_store, directory, data)


def remove_picture(directory: Path, name: str | None) -> None:
    """Delete a stored picture, if there is one."""
    if name:
        (directory / Path(name).name).unlink(missing_ok=True)


def picture_address(directory: Path, name: str | None) -> str | None:
    """Where a stored picture is shown; None when there is none, or its file is gone."""
    if not name or not (directory / Path(name).name).is_file():
        return None
    return f"/media/{name}"


def _store(directory: Path, data: bytes) -> str:
    encoded = _encode(data)
    name = f"{secrets.token_hex(16)}.jpg"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = directory / f".{name}"
        unfinished.write_bytes(encoded)
        unfinished.rename(directory / name)
    except OSError as error:
        raise Invalid({"cover": ["cannot be stored at the moment"]}) from error
    return name


def _encode(data: bytes) -> bytes:
    from PIL import Image, ImageOps  # on first use: keeps the start of a worker quick

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Invalid({"cover": ["has too many pixels"]})
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Invalid({"cover": ["is not a JPEG, PNG or WebP picture"]}) from error
    upright.thumbnail((WIDEST, WIDEST))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=84, optimize=True, progressive=True)
    return out.getvalue()
