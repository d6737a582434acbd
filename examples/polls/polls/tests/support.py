"""Polls and pictures for the tests."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from polls.models import Poll

HOUR = timedelta(hours=1)


def poll(question: str = "Tea or coffee?", *texts: str, **fields: Any) -> Poll:
    """A poll with these choices, published an hour ago."""
    made = Poll.objects.create(
        **{"question": question, "published": timezone.now() - HOUR, **fields}
    )
    for text in texts or ("Tea", "Coffee"):
        made.choices.create(text=text)
    return made


def picture(kind: str = "PNG", size: tuple[int, int] = (1000, 500)) -> bytes:
    """A picture."""
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


def upload(data: bytes, name: str = "a.png") -> SimpleUploadedFile:
    """What a browser would send."""
    return SimpleUploadedFile(name, data, "image/png")
