"""Templates: the environment they run in, and what every page knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conduit import __version__
from conduit.art import landscape
from conduit.assets import static_url
from conduit.text import reading_minutes, render_markdown
from conduit.views import timestamp

TEMPLATES = Path(__file__).parent.parent / "templates"
HUES = 10


def html(request: Request, name: str, context: Mapping[str, Any], status: int) -> HTMLResponse:
    """A page. It is for this visitor alone, and asked for again before it is shown again."""
    template = _environment().get_template(name)
    launched = request.app.state.database.exists
    text = template.render(path=request.url.path, launched=launched, **context)
    headers = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}
    return HTMLResponse(text, status, headers)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static=static_url, version=__version__, landscape=landscape)
    environment.filters.update(
        markdown=render_markdown,
        minutes=reading_minutes,
        day=day,
        short_day=short_day,
        timestamp=timestamp,
        picture=picture,
        hue=hue,
        initials=initials,
    )
    return environment


def day(moment: datetime) -> str:
    """A date as people write it: 22 November 2026."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y}"


def short_day(moment: datetime) -> str:
    """A date where there is little room: 22 Nov 2026."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y}"


def picture(address: str | None) -> str | None:
    """The address of a picture, if it is one that a page should load."""
    if address is None:
        return None
    parts = urlsplit(address)
    local = not parts.scheme and not parts.netloc and address.startswith("/")
    return address if local or (parts.scheme == "https" and parts.netloc) else None


def hue(username: str) -> int:
    """Which of the avatar colours somebody has."""
    return sum(username.lower().encode()) % HUES


def initials(username: str) -> str:
    """One or two letters to stand for somebody without a picture."""
    words = [w for w in username.replace("_", " ").replace("-", " ").split() if w]
    return "".join(word[0] for word in words[:2]).upper() or "?"
