"""Pictures: what may be uploaded, under which name it is kept, and small copies of it."""

from __future__ import annotations

import io
import secrets
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models.fields.files import FieldFile
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from polls.models import Poll

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 40_000_000
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
SMALL = (640, 400)


def check(upload: UploadedFile) -> None:
    """Look at the content, not at the name, and name the file by it. Raises ValidationError."""
    if upload.size > MOST_BYTES:
        raise ValidationError("This picture is larger than 5 MB.", code="too_big")
    try:
        upload.seek(0)
        with Image.open(upload, formats=[*SUFFIXES]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValidationError("This picture has too many pixels.", code="too_big")
            image.load()
            upload.name = f"picture{SUFFIXES[image.format]}"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValidationError("This is not a JPEG, PNG or WebP.", code="no_picture") from error
    finally:
        upload.seek(0)


def random_name(poll: Poll, name: str) -> str:
    """A name that nobody can guess and that no other picture ever has."""
    return f"{secrets.token_hex(16)}{PurePosixPath(name).suffix.lower()}"


def small_copy(picture: File) -> ContentFile:
    """The picture as a JPEG that fills a tile, upright, and without what cameras write into it."""
    with picture.open("rb") as original, Image.open(original) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    out = io.BytesIO()
    ImageOps.fit(upright, SMALL).save(out, "JPEG", quality=82, optimize=True, progressive=True)
    return ContentFile(out.getvalue())


def forget(*files: FieldFile | None) -> None:
    """Delete files once nothing in the database names them any more."""
    for file in files:
        if file:
            transaction.on_commit(partial(file.storage.delete, file.name), robust=True)
